"""Papers that a stick brings to the inbox."""

from __future__ import annotations

from pathlib import Path

from relay import config
from relay.inbox.courier_papers import take_papers
from relay.trust import inbox_setup, keys, node_setup
from relay.trust.authority import Place
from relay.trust.local import LocalAuthority


def test_nobody_waits_for_the_inbox_itself_when_its_own_grant_is_renewed(tmp_path: Path) -> None:
    trust, place = LocalAuthority(), inbox_setup.Place(tmp_path / "etc", tmp_path / "state")
    trust.lay_out_inbox(place)
    renewed = trust.admit_inbox(inbox_setup.prepare(place))
    node = trust.admit(node_setup.prepare(tmp_path / "node"), Place("node", "VRD-BEI-01", "Kazerne Beilen"))
    done = take_papers(config.load_inbox(place.folder / config.INBOX_FILE), [renewed, node])
    assert (done.new, done.refused) == (2, 0)
    sign_key = keys.public_bytes(keys.load(tmp_path / "node" / "node.key"))
    assert done.admitted == [keys.address_of(sign_key)]
