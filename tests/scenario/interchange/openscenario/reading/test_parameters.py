"""Parameters of OpenSCENARIO: scopes, chains and formulas."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from drivesim.scenario.interchange.openscenario.reading.parameters import declared, fill_in, value_of

VALUES = {"v": "36", "w": "x", "yes": "true"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("$v", "36"),
        ("${$v / 3.6}", "10"),
        ("${-($v + 4) * 2}", "-80"),
        ("${round($v / 10) + ceil(0.2) + floor(1.9)}", "6"),
        ("${sqrt($v) + pow(2, 3) + max(1, 2) - min(1, 2)}", "15"),
        ("${$v % 10}", "6"),
        ("${$v > 30 and not false}", "true"),
        ("${$v > 30}", "true"),
        ("${not $yes}", "false"),
        ("${pi}", "3.141592653589793"),
        ("${pi - pi / 2}", "1.5707963267948966"),
        ("$pi", "$pi"),
        ("$w", "x"),
        ("${$w}", "x"),
        ("$unknown", "$unknown"),
        ("${$v / 0}", "${$v / 0}"),
        ("${__import__('os')}", "${__import__('os')}"),
        ("${'a' * 1000000}", "${'a' * 1000000}"),
        ("plain $v", "plain $v"),
        ("\\$v", "$v"),
    ],
)
def test_references_and_formulas_are_computed_or_left(written: str, value: str) -> None:
    assert value_of(written, VALUES) == value


def test_declarations_may_depend_on_one_another_in_any_order() -> None:
    entries = {"s1": "${$s0 + 40}", "s0": "50", "v": "$w", "w": "20", "loop": "$pool", "pool": "$loop"}
    inside = "".join(f'<ParameterDeclaration name="{name}" value="{value}"/>' for name, value in entries.items())
    values = declared(ET.fromstring(f"<ParameterDeclarations>{inside}</ParameterDeclarations>"), {"s0": "1", "w": "2"})
    assert values == {"s0": "50", "s1": "90", "v": "20", "w": "20", "loop": "$pool", "pool": "$loop"}


def test_a_declaration_holds_for_the_element_that_it_is_in() -> None:
    inner = '<ParameterDeclarations><ParameterDeclaration name="a" value="${$a + 1}"/></ParameterDeclarations>'
    root = ET.fromstring(f'<r><s>{inner}<t x="$a"/></s><t x="$a"/></r>')
    fill_in(root, {"a": "1"})
    assert [element.get("x") for element in root.iter("t")] == ["2", "1"]
