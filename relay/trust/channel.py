"""The radio channel of a node: sealed in the grant on its disk, opened only when the radio is set."""

from __future__ import annotations

from relay.config import NodeConfig
from relay.errors import NaoberError, Text
from relay.trust import keys, papers, seal
from relay.trust.judging import judge
from relay.trust.roster_file import CHANGES_BYTES_MAX, Papers


def load(config: NodeConfig) -> seal.Channel | None:
    """What the newest grant of this node says; None without a grant, or with one that names no channel.

    Raises NaoberError for a grant or key that is damaged, of another authority, or not for this machine.
    """
    try:
        envelope = config.grant_file.read_bytes()[: papers.GRANT_BYTES_MAX + 1]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NaoberError(
            Text(f"Kan {config.grant_file} niet lezen", f"Cannot read {config.grant_file}"),
            Text("herhaal dit met sudo", "repeat this with sudo"),
        ) from error
    changes = Papers(config.roster_file, CHANGES_BYTES_MAX).envelopes
    in_force = judge(changes, config.authority_keys, config.network_id).authority_keys
    sealed = papers.read_grant(envelope, in_force, config.network_id).sealed_channel
    return seal.unseal(sealed, keys.load_seal(config.seal_key)) if sealed else None
