"""A roster that is full lets go of what counts no more, and of nothing else."""

from __future__ import annotations

from relay.errors import StorageError
from relay.trust.judging import judge
from relay.trust.roster_file import Papers


def save(roster: Papers, authority_keys: tuple[bytes, ...], network_id: bytes) -> None:
    """Saves it. When it is full, without the papers of authorities that were dropped, and of strangers.

    So who stole an authority's key and filled the roster is still dropped by the other's word. Raises
    StorageError as Papers.save, `full` when all of it counts.
    """
    try:
        roster.save()
    except StorageError as error:
        if error.code != "full":
            raise
        counting = judge(roster.envelopes, authority_keys, network_id).counting
        if counting == roster.envelopes:
            raise
        roster.keep_only(counting)
        roster.save()
