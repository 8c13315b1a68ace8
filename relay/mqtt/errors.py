"""What goes wrong between us and a broker, each as one LinkError that a technician can act on.

The codes are stable; they go to logs and `naober status`:

    dns                  the name is not known, or nobody answers the question
    refused              the machine answers, but nobody listens on that port
    unreachable          no way to the machine, or it does not answer
    silent               it accepts the connection and then says nothing
    certificate          we do not trust the broker: chain or name
    N05                  the broker has another key than the grant says: replaced, or somebody between
    certificate_refused  the broker does not trust us, or got no certificate
    tls                  the other side does not speak TLS 1.3
    not_authorised       the broker lets us in no further, or throws us out
    busy                 the broker is full, or limits how often we connect
    lost                 the other side, or what lies between, ended the connection
    closed               we ended it ourselves
    publish_refused      the broker refused one publish (its ACL or a limit); the connection stays
    subscribe_refused    the same for a subscription
"""

from __future__ import annotations

import ssl

from relay.errors import LinkError, Text

ABOUT_CERTIFICATES = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR")  # TLS alerts
BUSY = (0x88, 0x89, 0x97, 0x9F)  # MQTT 5: server unavailable, server busy, quota exceeded, connection rate
NOT_AUTHORIZED = 0x87

WAIT = Text("Niets te doen: er wordt opnieuw verbonden", "Nothing to do: it connects again")
ENROL = Text("Leer dit knooppunt opnieuw in bij VRD", "Enrol this node at VRD again")
ASK_FOR_ACL = Text("Laat beheer de ACL van de broker nakijken", "Have the broker's ACL checked")


def unknown_name(host: str) -> LinkError:
    return LinkError(
        Text(f"Naam van de broker niet gevonden: {host}", f"Broker's name not found: {host}"),
        Text("Controleer de naam en DNS, of geef een IP-adres", "Check name and DNS, or give an IP address"),
        code="dns",
    )


def refused(where: str) -> LinkError:
    return LinkError(
        Text(f"Geen broker op {where}: verbinding geweigerd", f"No broker at {where}: refused"),
        Text("Controleer of Mosquitto draait, en de poort", "Check that Mosquitto runs, and the port"),
        code="refused",
    )


def explain(error: OSError | None, host: str) -> LinkError:
    """What an error of a connected socket means to a technician."""
    reason = getattr(error, "reason", "") or ""  # a differing pin has none
    if found := getattr(error, "found", ""):
        return _other_key(host, getattr(error, "expected", ""), found)
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", "") or str(error)
        return LinkError(
            Text(
                f"Broker {host} toont een certificaat dat niet klopt: {why}",
                f"Broker {host}: wrong certificate: {why}",
            ),
            Text(
                "Controleer mqtt.host en het CA-certificaat; is de broker niet vervangen, meld het VRD",
                "Check mqtt.host and the CA certificate; if the broker was not replaced, tell VRD",
            ),
            code="certificate",
        )
    if "ALERT" in reason and any(word in reason for word in ABOUT_CERTIFICATES):
        return LinkError(
            Text(
                f"Broker {host} weigert ons certificaat: {reason}",
                f"Broker {host} refuses our certificate: {reason}",
            ),
            ENROL,
            code="certificate_refused",
        )
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return LinkError(
            Text(
                f"{host} spreekt op deze poort geen TLS 1.3: {reason}",
                f"{host} speaks no TLS 1.3 there: {reason}",
            ),
            Text("Controleer de poort (meestal 8883)", "Check the port (8883 as a rule)"),
            code="tls",
        )
    return lost(host)


def _other_key(host: str, expected: str, found: str) -> LinkError:
    from relay.codes import fault  # a spoken code

    told = fault("N05", host=host, expected=expected, found=found)
    return LinkError(told.what, told.do, code=told.code)


def lost(host: str, why: Text | None = None) -> LinkError:
    """The other side, or what lies between, ended the connection."""
    nl, en = why or ("verbinding verbroken", "connection lost")
    return LinkError(
        Text(f"Broker {host}: {nl}", f"Broker {host}: {en}"),
        WAIT,
        code="lost",
    )


def silent(host: str) -> LinkError:
    """It took the connection and does not answer."""
    return LinkError(
        Text(f"Broker {host} neemt op maar zegt niets", f"Broker {host} accepts but does not answer"),
        Text(
            "Herstart de broker; helpt dat niet: kijk naar een firewall ertussen",
            "Restart the broker; if that does not help, look for a firewall between",
        ),
        code="silent",
    )


def unreachable(where: str) -> LinkError:
    return LinkError(
        Text(f"Broker {where} is niet bereikbaar", f"Broker {where} cannot be reached"),
        Text("Controleer netwerkkabel, router en adres", "Check network cable, router and address"),
        code="unreachable",
    )


def again(error: LinkError) -> LinkError:
    """A copy for one more waiter: an exception carries the trace of whoever caught it."""
    return LinkError(error.what, error.do, code=error.code)


def closed() -> LinkError:
    return LinkError(
        Text("Verbinding met de broker gesloten", "Connection to the broker closed"), WAIT, code="closed"
    )


def publish_refused(topic: str, reason: str) -> LinkError:
    return LinkError(
        Text(f"Broker weigert bericht op {topic}: {reason}", f"Broker refuses publish to {topic}: {reason}"),
        ASK_FOR_ACL,
        code="publish_refused",
    )


def turned_away(host: str, code: int, reason: str, *, at_the_door: bool) -> LinkError:
    """MQTT reason `code` in a CONNACK (`at_the_door`), or in a DISCONNECT by the broker."""
    if code in BUSY:
        return LinkError(
            Text(f"Broker {host} is te druk: {reason}", f"Broker {host} is too busy: {reason}"),
            WAIT,
            code="busy",
        )
    if at_the_door or code == NOT_AUTHORIZED:
        return LinkError(
            Text(f"Broker {host} laat ons niet toe: {reason}", f"Broker {host} does not admit us: {reason}"),
            ENROL,
            code="not_authorised",
        )
    return lost(host, Text(f"verbinding beëindigd: {reason}", f"ended the connection: {reason}"))
