import campaign as of
import pytest

SHORT = [campaign for campaign in of.campaigns() if campaign.default]


@pytest.mark.parametrize("campaign", SHORT, ids=lambda campaign: campaign.name)
def test_no_case_ends_in_a_traceback_a_hang_or_a_silently_different_result(campaign):
    tally = of.run(campaign, range(campaign.default))
    assert not tally.failures, "\n".join(tally.failures[:10])
    assert tally.tried == campaign.default


def test_a_case_is_the_same_whenever_it_is_run_and_failures_are_told(tmp_path):
    seen = []

    def case(prepared, folder, rng):
        seen.append(rng.random())
        assert len(seen) != 3, "the third"
        return "unchanged"

    one = of.Campaign("one", "", lambda folder: None, case)
    first = of.run(one, range(3))
    assert first.row() == ["3", "0", "0", "2", "1"]
    assert first.failures[0].startswith("case 2: AssertionError at test_campaigns.py:")
    of.run(one, range(2))
    assert seen[:2] == seen[3:]


def test_what_hangs_is_stopped():
    with pytest.raises(AssertionError, match="hangs"), of.limited(1):
        while True:
            pass
