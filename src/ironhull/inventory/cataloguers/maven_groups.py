"""The Maven group of an archive without pom.properties: from its manifest, or a known family."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ironhull.inventory.cataloguers.parse import text_of

# Families whose builds leave pom.properties out. A name with a hyphen at its end is the beginning
# of names, and the longest decides; all others are whole names.
_FAMILIES = {
    "ant": "org.apache.ant",
    "ant-": "org.apache.ant",
    "asm": "org.ow2.asm",
    "asm-": "org.ow2.asm",
    "cglib": "cglib",
    "commons-logging": "commons-logging",
    "commons-logging-": "commons-logging",
    "groovy": "org.codehaus.groovy",
    "groovy-": "org.codehaus.groovy",
    "hibernate-core": "org.hibernate",
    "hibernate-entitymanager": "org.hibernate",
    "kotlin-": "org.jetbrains.kotlin",
    "log4j-": "org.apache.logging.log4j",
    "micrometer-": "io.micrometer",
    "reactor-core": "io.projectreactor",
    "reactor-netty-": "io.projectreactor.netty",
    "spring-": "org.springframework",
    "spring-amqp": "org.springframework.amqp",
    "spring-batch-": "org.springframework.batch",
    "spring-boot": "org.springframework.boot",
    "spring-boot-": "org.springframework.boot",
    "spring-cloud-": "org.springframework.cloud",
    "spring-data-": "org.springframework.data",
    "spring-hateoas": "org.springframework.hateoas",
    "spring-integration-": "org.springframework.integration",
    "spring-kafka": "org.springframework.kafka",
    "spring-plugin-": "org.springframework.plugin",
    "spring-rabbit": "org.springframework.amqp",
    "spring-retry": "org.springframework.retry",
    "spring-security-": "org.springframework.security",
    "spring-session-": "org.springframework.session",
    "spring-ws-": "org.springframework.ws",
    "tomcat-": "org.apache.tomcat",
    "tomcat-embed-": "org.apache.tomcat.embed",
}
# A module's name counts only if it begins as a domain does: `spring.core` is no group.
_GROUP = re.compile(r"(?:[a-z]{2,3}|info|jakarta|javax|name)(?:\.[A-Za-z0-9_-]+)+")
_KEYS = ("implementation-vendor-id", "bundle-symbolicname", "automatic-module-name")


def group_of(name: str, manifest: Mapping[str, str]) -> str:
    """The group, or nothing where neither family nor manifest tells it."""
    if name in _FAMILIES:
        return _FAMILIES[name]
    for length in range(len(name), 0, -1):
        if name[length - 1] == "-" and name[:length] in _FAMILIES:
            return _FAMILIES[name[:length]]
    for key in _KEYS:
        # A bundle's symbolic name may carry directives behind a semicolon.
        text = text_of(manifest.get(key)).partition(";")[0].strip()
        if _GROUP.fullmatch(text):
            return text.removesuffix(f".{name}")
    return ""
