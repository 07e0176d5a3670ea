"""A table of costs: what it says, and a line for everything that it cannot say."""

from __future__ import annotations

import pytest

from tellapart.data.cost_table import costs_from, read_costs
from tellapart.errors import DataError, UsageError

GOOD = "true,dog,cat,person\ncat,1,0,0.2\ndog,,50,0.2\n"


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "costs.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_read_costs__rows_and_columns_in_any_order(written):
    matrix, person = read_costs(written(GOOD)).of(["cat", "dog"])
    assert matrix.tolist() == [[0, 1], [50, 0]]
    assert person.tolist() == [0.2, 0.2]
    matrix, person = read_costs(written("\ufeff;cat;dog\ncat;0;1\n\ndog;2;0\n")).of(["cat", "dog"])
    assert (matrix.tolist(), person) == ([[0, 1], [2, 0]], None)


def test_read_costs__as_a_spreadsheet_with_decimal_commas_saves_them(written):
    matrix, person = read_costs(written("\ufefftrue;cat;dog;person\ncat;0;1,5;0,2\ndog;2;;0,2\n")).of(["cat", "dog"])
    assert (matrix.tolist(), person.tolist()) == ([[0, 1.5], [2, 0]], [0.2, 0.2])
    for text in ("true;cat\ncat;1.000,5\n", "true;cat\ncat;1,000,5\n", 'true\tcat\ncat\t"1,5"\n'):
        with pytest.raises(DataError, match="no number from 0 up"):
            read_costs(written(text))


def test_read_costs__that_are_not_utf_8(tmp_path):
    (tmp_path / "costs.csv").write_text("true;Käfer\nKäfer;0\n", encoding="cp1252")
    with pytest.raises(DataError, match=r"the costs are not UTF-8.*save them as CSV UTF-8"):
        read_costs(tmp_path / "costs.csv")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", DataError, "no rows"),
        ("true,cat,dog\ncat,0,x\ndog,1,0\n", DataError, "no number from 0 up"),
        ("true,cat,dog\ncat,0,-1\ndog,1,0\n", DataError, "no number from 0 up"),
        ("true,cat,dog\ncat,0,nan\ndog,1,0\n", DataError, "no number from 0 up"),
        ("true,cat,dog\ncat,0\ndog,1,0\n", DataError, "1 cells"),
        (f'true,cat,dog\ncat,0,"{"1" * 200_000}"\n', DataError, "field larger than field limit"),
        ("true" + "," * 17_000_000, DataError, "larger than 16,000,000 bytes"),
        ("true,cat,dog\ncat,0,1\ncat,1,0\n", DataError, "twice"),
        ("true,cat,dgo\ncat,0,1\ndog,1,0\n", UsageError, "no column for the class 'dog'"),
        ("true,cat,dog\ncat,0,1\n", UsageError, "no row for the class 'dog'"),
        ("true,cat,dog\ncat,0,1\ndog,1,0\nfox,1,1\n", UsageError, "'fox', which is no class"),
        ("true,cat,dog,a,b\ncat,0,1,1,1\ndog,1,0,1,1\n", UsageError, "two columns"),
        ("true,cat,dog\ncat,1,0\ndog,0,1\n", UsageError, "costs more than a wrong one"),
        ("true,cat,dog\ncat,0,0\ndog,0,0\n", UsageError, "every answer costs nothing"),
    ],
)
def test_read_costs__says_what_is_wrong(written, text, error, message):
    with pytest.raises(error, match=message):
        read_costs(written(text)).of(["cat", "dog"])


def test_costs_from__a_path_a_mapping_or_nothing(written):
    assert costs_from(None) is None
    rows = {"cat": {"cat": 0, "dog": 1}, "dog": {"cat": 2, "dog": 0}}
    assert costs_from(rows).of(["cat", "dog"])[0].tolist() == [[0, 1], [2, 0]]
    assert costs_from(str(written(GOOD))).rows["dog"]["dog"] == 0
    with pytest.raises(UsageError, match="these are no costs"):
        costs_from([[0, 1], [1, 0]])
    with pytest.raises(DataError, match=r"cannot be read \(no such file or directory\)"):
        costs_from("no such file.csv")
