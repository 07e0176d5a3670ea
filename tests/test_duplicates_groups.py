from hypothesis import given
from hypothesis import strategies as st

from tellapart.data.groups import connected_sets
from tellapart.duplicates.groups import DuplicatePair, connect, equal_pairs


def pair(first, second, kind="bytes"):
    return DuplicatePair(first=first, second=second, kind=kind)


def test_connect__a_group_is_as_sure_as_its_least_sure_pair():
    groups = connect([pair(4, 7, "near"), pair(0, 2), pair(1, 4), pair(7, 9, "pixels")])
    assert [(group.rows, group.kind) for group in groups] == [((0, 2), "bytes"), ((1, 4, 7, 9), "near")]
    assert [(each.first, each.second) for each in groups[1].pairs] == [(1, 4), (4, 7), (7, 9)]


def test_equal_pairs__an_empty_digest_equals_nothing():
    found = list(equal_pairs([b"a", b"", b"b", b"a", b"", b"a"], kind="pixels"))
    assert [(each.first, each.second, each.kind) for each in found] == [(0, 3, "pixels"), (0, 5, "pixels")]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_join__the_same_sets_as_a_walk_through_the_graph(links):
    neighbours = {}
    for left, right in links:
        neighbours.setdefault(left, {left}).add(right)
        neighbours.setdefault(right, {right}).add(left)
    expected = set()
    for start in neighbours:
        reached, waiting = {start}, [start]
        while waiting:
            fresh = neighbours[waiting.pop()] - reached
            reached |= fresh
            waiting += fresh
        expected.add(tuple(sorted(reached)))
    assert connected_sets(links) == tuple(sorted(expected))
