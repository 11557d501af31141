"""Kubernetes manifests and Helm values: ports, probes, users of the containers with the image."""

from __future__ import annotations

from collections.abc import Iterator

from ironhull.migrate.outside.compose import repository
from ironhull.migrate.outside.edit import replaced
from ironhull.migrate.outside.model import Found, Wanted
from ironhull.migrate.outside.nodes import Place
from ironhull.migrate.outside.programs import needs_shell

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_TEMPLATES = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"), ())


def pods(document: Place) -> Iterator[tuple[Place, Place]]:
    """Pods and pod templates of a document, each with its labels."""
    for member in (document, *document.get("items").each()):
        for path in _TEMPLATES:
            template = member.get(*path)
            if template.get("spec", "containers"):
                yield template.get("spec"), template.get("metadata", "labels")


def pod_changes(name: str, text: str, document: Place, wanted: Wanted) -> Iterator[Found]:
    """What to change in the pods of one document."""
    for pod, _ in pods(document):
        mine = [one for one in _containers(pod) if _uses(one, wanted)]
        for container in mine:
            yield from _container(name, text, container, wanted)
        if mine:
            yield from _security(name, text, pod.get("securityContext"), wanted)
            yield from _volumes(name, pod, mine, wanted)


def selected(document: Place, wanted: Wanted) -> list[dict[str, str]]:
    """The labels of the pods with the image."""
    return [
        {key.text: value.text for key, value in labels.pairs()}
        for pod, labels in pods(document)
        if any(_uses(one, wanted) for one in _containers(pod))
    ]


def service_changes(
    name: str, text: str, document: Place, labels: list[dict[str, str]], wanted: Wanted
) -> Iterator[Found]:
    """`targetPort` of the services that select such a pod; without one the port itself counts."""
    for member in (document, *document.get("items").each()):
        selector = {key.text: value.text for key, value in member.get("spec", "selector").pairs()}
        if member.get("kind").text != "Service" or not selector:
            continue
        if not any(selector.items() <= one.items() for one in labels):
            continue
        for port in member.get("spec", "ports").each():
            target = port.get("targetPort")
            yield from _port(name, text, target, wanted)
            number = port.get("port")
            if not target and _number(number) in wanted.ports:
                new = wanted.ports[_number(number)]
                message = f"add targetPort: {new}; the service's own port can stay"
                yield Found(name, number.line, "port", number.text, message)


def values_changes(name: str, text: str, document: Place, wanted: Wanted) -> Iterator[Found]:
    """Helm values, where `image.repository` is the image: ports and security contexts below it."""
    sections = [document, *(value for _, value in document.pairs())]
    for section in sections:
        image = section.get("image")
        said = image.get("repository").text or image.text
        if not said or not _named(said, wanted):
            continue
        for path in (
            ("containerPort",), ("targetPort",), ("service", "targetPort"),
            ("service", "containerPort"), ("containerPorts", "http"),
        ):  # fmt: skip
            yield from _port(name, text, section.get(*path), wanted)
        for key in _PROBES:
            yield from _probe(name, text, section.get(key), wanted)
        for key in ("securityContext", "podSecurityContext", "containerSecurityContext"):
            yield from _security(name, text, section.get(key), wanted)


def _containers(pod: Place) -> list[Place]:
    return [*pod.get("containers").each(), *pod.get("initContainers").each()]


def _uses(container: Place, wanted: Wanted) -> bool:
    image = container.get("image").text
    return bool(image) and _named(image, wanted)


def _named(image: str, wanted: Wanted) -> bool:
    # A name without a registry is meant by one with any.
    plain = repository(image)
    return plain in wanted.names or any(
        "/" not in name and plain.rpartition("/")[2] == name for name in wanted.names
    )


def _container(name: str, text: str, container: Place, wanted: Wanted) -> Iterator[Found]:
    for port in container.get("ports").each():
        yield from _port(name, text, port.get("containerPort"), wanted)
    for key in _PROBES:
        yield from _probe(name, text, container.get(key), wanted)
    yield from _security(name, text, container.get("securityContext"), wanted)
    command = container.get("command")
    if command and not wanted.shell and needs_shell(command.words, string_is_shell=False):
        message = "the image has no shell: start the program itself"
        yield Found(name, command.line, "command", " ".join(command.words), message)


def _number(place: Place) -> int:
    return int(place.text) if place.text.isdecimal() and len(place.text) < 6 else 0


def _port(name: str, text: str, place: Place, wanted: Wanted) -> Iterator[Found]:
    port = _number(place)
    if port in wanted.ports:
        new = wanted.ports[port]
        message = f"the container listens on {new} instead of {port}"
        edit = replaced(text, place.span, place.text, str(new))
        yield Found(name, place.line, "port", place.text, message, edit)


def _probe(name: str, text: str, probe: Place, wanted: Wanted) -> Iterator[Found]:
    for kind in ("httpGet", "tcpSocket", "grpc"):
        yield from _port(name, text, probe.get(kind, "port"), wanted)
    command = probe.get("exec", "command")
    if command and not wanted.shell and needs_shell(command.words, string_is_shell=False):
        message = (
            "the image has no shell and no curl: use httpGet, tcpSocket or a program of its own"
        )
        yield Found(name, command.line, "probe", " ".join(command.words), message)


def _security(name: str, text: str, context: Place, wanted: Wanted) -> Iterator[Found]:
    for key, number in (("runAsUser", wanted.uid), ("runAsGroup", wanted.gid)):
        place = context.get(key)
        if place.text == "0":
            edit = replaced(text, place.span, "0", str(number)) if number else None
            yield Found(name, place.line, "user", f"{key}: 0", f"the image's is {number}", edit)
    place = context.get("runAsNonRoot")
    if place.text == "false":
        edit = replaced(text, place.span, "false", "true")
        yield Found(name, place.line, "user", "runAsNonRoot: false", "it is not root", edit)


def _volumes(name: str, pod: Place, mine: list[Place], wanted: Wanted) -> Iterator[Found]:
    if pod.get("securityContext", "fsGroup") or not wanted.gid:
        return
    for container in mine:
        for mount in container.get("volumeMounts").each():
            if mount.get("readOnly").text != "true":
                path = mount.get("mountPath").text
                message = (
                    f"if the application writes there: fsGroup: {wanted.gid} in the pod's "
                    "securityContext"
                )
                yield Found(name, mount.line, "volume", path, message)
