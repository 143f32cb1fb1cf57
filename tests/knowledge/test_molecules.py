"""The SMILES reader knows what chemists know."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

COMMON = Path(__file__).parents[2] / "activities" / "knowledge" / "recipes" / "common"


@pytest.fixture(scope="module")
def smiles() -> ModuleType:
    return _module("smiles")


@pytest.fixture(scope="module")
def molecules() -> ModuleType:
    return _module("molecules")


def _module(name: str) -> ModuleType:
    """A recipe's module, by the bare name that it has in a candidate's repository."""
    sys.path.insert(0, str(COMMON))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(COMMON))


@pytest.mark.parametrize(
    ("text", "weight", "hydrogens", "rings"),
    [
        ("c1ccccc1", 78.11, 6, 1),  # benzene
        ("CCO", 46.07, 6, 0),  # ethanol
        ("Cn1cnc2c1c(=O)n(C)c(=O)n2C", 194.19, 10, 2),  # caffeine
        ("CC(=O)Oc1ccccc1C(=O)O", 180.16, 8, 1),  # aspirin
        ("c1ccc2[nH]ccc2c1", 117.15, 7, 2),  # indole
        ("CC(C)CCCC(C)C1CCC2C1(CCC3C2CC=C4C3(CCC(C4)O)C)C", 386.66, 46, 4),  # cholesterol
        ("C[N+](C)(C)C", 74.14, 12, 0),  # tetramethylammonium
        ("[2H]OC", 32.04, 4, 0),  # hydrogens written as atoms are counted
        ("C12C3C4C1C5C2C3C45", 104.15, 8, 5),  # cubane
        ("O=S(=O)(O)O", 98.07, 2, 0),  # sulphuric acid
        ("C%10CCCCC%10", 84.16, 12, 1),  # ring labels of two digits
        ("[Na+].[Cl-]", 58.44, 0, 0),  # parts that no bond joins
    ],
)
def test_weight_hydrogens_and_rings(smiles: ModuleType, text: str, weight: float, hydrogens: int, rings: int) -> None:
    molecule = smiles.parse(text)
    assert molecule.weight == pytest.approx(weight, abs=0.02)
    assert molecule.hydrogens == hydrogens
    assert len(molecule.rings) == rings


@pytest.mark.parametrize("text", ["", "C(", "C1CC", "C)C", "hello world", "C[Xx", "=1"])
def test_what_is_no_smiles_is_refused(smiles: ModuleType, text: str) -> None:
    with pytest.raises(smiles.NotSmiles):
        smiles.parse(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("c1ccccc1", "C1=CC=CC=C1"),  # aromatic and Kekule
        ("CN(=O)=O", "C[N+](=O)[O-]"),  # both spellings of nitro
        ("OCC", "CCO"),
        ("c1ccc(cc1)-c2ccccc2", "c1ccc(cc1)c2ccccc2"),  # the bond between two rings is single
    ],
)
def test_spellings_of_one_molecule_agree(molecules: ModuleType, one: str, other: str) -> None:
    assert molecules.facts(one) == pytest.approx(molecules.facts(other))
    assert molecules.surroundings(one, 2) == molecules.surroundings(other, 2)


def test_facts_of_paracetamol(molecules: ModuleType) -> None:
    found = molecules.facts("CC(=O)Nc1ccc(O)cc1")
    assert (found["donors"], found["group_amide"], found["group_phenol"]) == (2, 1, 1)
    assert found["polar_surface"] == pytest.approx(49.33, abs=0.1)
    assert found["aromatic_rings"] == 1


def test_longer_chains_are_more_hydrophobic(molecules: ModuleType) -> None:
    rising = [molecules.facts("C" * length + "O")["hydrophobic"] for length in (1, 3, 6, 9)]
    assert rising == sorted(rising)


def test_facts_of_nonsense_are_missing(molecules: ModuleType) -> None:
    assert molecules.facts("not a molecule") == {}
