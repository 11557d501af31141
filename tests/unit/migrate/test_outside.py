"""Files around the Dockerfile: what has to change in them, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.errors import MalformedError
from ironhull.migrate.context.interface import FilesContext
from ironhull.migrate.model import Migration, Outside, Rung
from ironhull.migrate.outside.edit import edited
from ironhull.migrate.outside.find import files_around, outside_changes, wanted_of
from ironhull.migrate.outside.model import Wanted
from ironhull.migrate.outside.nodes import documents
from ironhull.migrate.outside.services import composed
from ironhull.migrate.proof.requests import requests_of

WANTED = Wanted({80: 8080}, 65532, 65532, names=frozenset({"registry.example/shop/web"}))

COMPOSE = b"""\
# The shop.\r
services:\r
  web:   # ours\r
    build: .\r
    user: "root"\r
    ports:\r
      - '127.0.0.1:80:80/tcp' # both are 80\r
      - target: 80\r
        published: "80"\r
      - 8000-8080:8000-8080\r
    healthcheck:\r
      test: ["CMD", "curl", "-f", "http://localhost"]\r
    volumes: [data:/data, ./conf:/conf:ro]\r
  db:\r
    image: postgres:17\r
    ports: ["80:80"]\r
"""


def changed(name: str, data: bytes, wanted: Wanted = WANTED) -> tuple[bytes, list[str]]:
    found = outside_changes({name: data}, wanted)
    told = [f"{one.line} {one.kind} {one.before}" for one in found]
    return edited(data, found), told


def test_a_compose_file_is_changed_sign_by_sign():
    after, told = changed("compose.yaml", COMPOSE)
    assert after == (
        COMPOSE.replace(b"80:80/tcp", b"80:8080/tcp")
        .replace(b"target: 80", b"target: 8080")
        .replace(b'"root"', b'"65532:65532"')
    )
    assert told == [
        "5 user root",
        "7 port 127.0.0.1:80:80/tcp",
        "8 port 80",
        "10 port 8000-8080:8000-8080",
        "12 probe CMD curl -f http://localhost",
        "13 volume data:/data",
    ]


def test_an_init_gets_a_line_of_its_own():
    wanted = Wanted(init=True)
    after, _ = changed("docker-compose.yml", b"services:\n  a:\n    build: {context: .}\n", wanted)
    assert after == b"services:\n  a:\n    init: true\n    build: {context: .}\n"
    assert changed("compose.yml", after, wanted) == (after, [])
    flow = b"services: {a: {build: .}}\n"
    assert changed("compose.yml", flow, wanted) == (flow, ["1 init "])


def test_other_services_and_images_are_left_alone():
    data = b"services:\n  a:\n    image: nginx\n    ports: ['80:80']\n"
    assert changed("compose.yaml", data) == (data, [])


MANIFEST = b"""\
apiVersion: apps/v1
kind: Deployment
spec:
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      securityContext: {runAsUser: 0, runAsNonRoot: false}
      containers:
        - name: web
          image: registry.example/shop/web:1.2@sha256:00
          command: ["sh", "-c", "npm start"]
          ports: [{containerPort: 80}] # http
          livenessProbe:
            exec: {command: [cat, /tmp/alive]}
          readinessProbe:
            httpGet: {path: /, port: 80}
          volumeMounts:
            - {name: data, mountPath: /data}
            - {name: conf, mountPath: /conf, readOnly: true}
        - name: side
          image: registry.example/side:1
          ports: [{containerPort: 80}]
---
kind: Service
spec:
  selector: {app: web}
  ports:
    - port: 80
      targetPort: 80
    - port: 80
---
kind: Service
spec:
  selector: {app: other}
  ports: [{port: 80, targetPort: 80}]
"""


def test_a_manifest_changes_for_the_image_and_its_services_alone():
    after, told = changed("k8s/web.yaml", MANIFEST)
    assert after == (
        MANIFEST.replace(b"containerPort: 80}] #", b"containerPort: 8080}] #")
        .replace(b"path: /, port: 80", b"path: /, port: 8080")
        .replace(b"      targetPort: 80\n", b"      targetPort: 8080\n")
        .replace(b"runAsUser: 0", b"runAsUser: 65532")
        .replace(b"runAsNonRoot: false", b"runAsNonRoot: true")
    )
    assert "14 probe cat /tmp/alive" in told
    assert "11 command sh -c npm start" in told
    assert "18 volume /data" in told
    assert "30 port 80" in told
    assert not any(line.startswith("19 ") for line in told)


def test_helm_values_change_where_the_image_is_named():
    data = b"""\
web:
  image: {repository: registry.example/shop/web, tag: "1"}
  service: {port: 80, targetPort: 80}
  securityContext: {runAsUser: 0}
other:
  image: {repository: nginx}
  service: {targetPort: 80}
"""
    after, _ = changed("chart/values.yaml", data)
    assert after == data.replace(
        b"port: 80, targetPort: 80", b"port: 80, targetPort: 8080"
    ).replace(b"runAsUser: 0", b"runAsUser: 65532")


def test_a_name_from_a_compose_file_is_known_in_manifests_too():
    files = {
        "compose.yaml": b"services: {web: {build: ., image: shop}}\n",
        "pod.yaml": b"kind: Pod\nspec: {containers: [{image: 'r.example/shop:1', ports: "
        b"[{containerPort: 80}]}]}\n",
    }
    found = outside_changes(files, Wanted({80: 8080}))
    assert [(one.file, one.kind) for one in found] == [("pod.yaml", "port")]


def test_a_place_behind_an_anchor_is_changed_once():
    data = b"x: &p ['80:80']\nservices:\n  a: {build: ., ports: *p}\n  b: {build: ., ports: *p}\n"
    assert changed("compose.yaml", data)[0] == data.replace(b"80:80", b"80:8080")


def test_a_template_is_passed_over_and_a_bad_file_named():
    assert outside_changes({"t/web.yaml": b"{{- if .Values.x }}\na: 1\n"}, WANTED) == ()
    with pytest.raises(MalformedError, match=r"bad\.yaml:2: "):
        documents(b"a:\n\t- b", "bad.yaml")
    with pytest.raises(MalformedError, match="no YAML"):
        documents(b"[" * 100_000, "deep.yaml")
    with pytest.raises(MalformedError, match="more than"):
        documents(b"a" * 300_000, "large.yaml")
    with pytest.raises(MalformedError, match="not UTF-8 at byte 3"):
        documents(b"a: \xff", "bytes.yaml")


def test_what_a_migration_asks_for_is_read_from_it():
    text = b"FROM a AS b\nUSER root\nFROM c\nUSER 65532:65533\n"
    outside = (Outside("port", "", "80", "8080"), Outside("init", ""))
    found = wanted_of(Migration(text, b"", (), (), (), outside, Rung.RUNTIME, ()), ["web"])
    assert found == Wanted({80: 8080}, 65532, 65533, init=True, names=frozenset({"web"}))


def test_only_yaml_that_people_write_is_read():
    context = FilesContext({"compose.yaml": b"a: 1", "pnpm-lock.yaml": b"", "x.json": b""})
    assert files_around(context) == {"compose.yaml": b"a: 1"}


@given(st.text(alphabet="services:web\n -{}[]'\"80&*#|>! \r\t", max_size=80))
def test_whatever_a_file_says_it_is_read_or_refused(text):
    outside_changes({"compose.yaml": text.encode(), "a.yaml": text.encode()}, WANTED)


SERVICES = b"""\
services:
  worker: {build: ., command: [node, worker.js]}
  web:
    build: {context: ./}
    ports: ["127.0.0.1:8080:3000/tcp", {target: 3001, protocol: tcp}, "53:53/udp", "1-9:1-9"]
    expose: [3000]
    environment: [MODE=plain, "KEY=${SECRET}", PASSED, "TEXT=a=b"]
    healthcheck: {test: ["CMD", "curl", "-f", "http://localhost:3000/live"]}
  db: {image: "postgres:17", ports: ["5432:5432"], environment: {A: b}}
"""


def test_the_service_built_here_says_how_it_is_asked_and_set() -> None:
    found = composed({"compose.yaml": SERVICES, "other.yaml": b"services: {a: {build: .}}"})
    assert (found.file, found.name) == ("compose.yaml", "web")
    assert found.ports == (3000, 3001)
    assert found.environment == {"MODE": "plain", "TEXT": "a=b"}
    assert [str(one) for one in requests_of(found.ports, found.health)] == [
        "GET :3000/", "GET :3001/", "GET :3000/live",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("data", "name", "ports"),
    [
        (b"services: {a: {build: ., environment: {A: 1, B: null, C: $D}}}", "a", ()),
        (b"services: {a: {build: ./sub, ports: ['1:1']}}", "", ()),
        (b"services: {a: {build: ., ports: ['70000', 'x', '0']}}", "a", ()),
        (b"services: {a: {build: ., ports: [80]}, b: {build: ., ports: [90]}}", "a", (80,)),
        (b"services: [", "", ()),
        (b"services: 1", "", ()),
        (b"", "", ()),
    ],
)
def test_what_a_compose_file_does_not_say_is_not_asked(
    data: bytes, name: str, ports: tuple[int, ...]
) -> None:
    found = composed({"docker-compose.yml": data})
    assert (found.name, found.ports, found.health) == (name, ports, ())
    assert found.environment == ({"A": "1"} if b"A: 1" in data else {})


def test_a_health_check_that_is_switched_off_is_not_asked() -> None:
    data = b"services: {a: {build: ., healthcheck: {disable: true, test: curl http://localhost}}}"
    assert composed({"compose.yml": data}).health == ()
