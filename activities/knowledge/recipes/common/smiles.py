"""SMILES strings read into graphs: atoms, bonds, hydrogens, rings. No chemistry library is needed."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"\[[^\]]+\]|Br|Cl|[BCNOPSFIbcnops]|%\d\d|\d|[-=#$:/\\().~*]")
BRACKET = re.compile(r"\[(\d+)?([A-Z][a-z]?|[a-z][a-z]?|\*)(@*(?:[A-Z]{2}\d+)?)(H\d*)?([+-]+\d*)?(?::\d+)?\]")
VALENCES = {
    "B": (3,), "C": (4,), "N": (3, 5), "O": (2,), "P": (3, 5), "S": (2, 4, 6), "F": (1,), "Cl": (1,), "Br": (1,),
    "I": (1,),
}  # fmt: skip
ORDERS = {"-": 1.0, "=": 2.0, "#": 3.0, "$": 4.0, ":": 1.5, "/": 1.0, "\\": 1.0, "~": 1.0}
WEIGHTS = {
    "H": 1.008, "Li": 6.94, "B": 10.81, "C": 12.011, "N": 14.007, "O": 15.999, "F": 18.998, "Na": 22.990, "Mg": 24.305,
    "Al": 26.982, "Si": 28.085, "P": 30.974, "S": 32.06, "Cl": 35.45, "K": 39.098, "Ca": 40.078, "Fe": 55.845,
    "Cu": 63.546, "Zn": 65.38, "As": 74.922, "Se": 78.971, "Br": 79.904, "Sn": 118.71, "I": 126.904, "Hg": 200.59,
    "Pb": 207.2,
}  # fmt: skip


class NotSmiles(ValueError):
    """The string cannot be read as SMILES."""


@dataclass
class Atom:
    symbol: str
    aromatic: bool = False
    charge: int = 0
    hydrogens: int = 0
    bracket: bool = False
    bonds: dict[int, float] = field(default_factory=dict)  # neighbour -> order, 1.5 in aromatic rings

    @property
    def degree(self) -> int:
        return len(self.bonds)


@dataclass
class Molecule:
    """`rings` is a smallest set of rings, each a tuple of atom numbers in order."""

    atoms: list[Atom]
    rings: list[tuple[int, ...]]

    @property
    def weight(self) -> float:
        return sum(WEIGHTS.get(atom.symbol, 0.0) + atom.hydrogens * WEIGHTS["H"] for atom in self.atoms)

    @property
    def hydrogens(self) -> int:
        return sum(atom.hydrogens for atom in self.atoms)

    def bonds(self) -> list[tuple[int, int, float]]:
        return [(i, j, order) for i, atom in enumerate(self.atoms) for j, order in atom.bonds.items() if i < j]


def parse(text: str) -> Molecule:
    """Raises NotSmiles for what is none."""
    atoms = _read(text.strip())
    if not atoms:
        raise NotSmiles(text)
    _fold_hydrogens(atoms)
    for atom in atoms:
        if not atom.bracket:
            atom.hydrogens = _implicit(atom)
    _charge_separate(atoms)
    molecule = Molecule(atoms, _rings(atoms))
    _single_between_rings(molecule)
    _perceive_aromatic(molecule)
    return molecule


def _read(text: str) -> list[Atom]:
    atoms: list[Atom] = []
    branches: list[int] = []
    open_rings: dict[str, tuple[int, float | None]] = {}
    last, order, position = -1, None, 0
    for match in TOKEN.finditer(text):
        if match.start() != position:
            raise NotSmiles(f"{text}: cannot read {text[position : match.start()]!r}")
        position, token = match.end(), match.group()
        if token == "(":
            branches.append(last)
        elif token == ")":
            if not branches:
                raise NotSmiles(f"{text}: a branch closes that never opened")
            last = branches.pop()
        elif token == ".":
            last, order = -1, None
        elif token in ORDERS:
            order = ORDERS[token]
        elif token[0] == "%" or token.isdigit():
            label = token.lstrip("%").lstrip("0") or "0"
            if label in open_rings:
                other, first = open_rings.pop(label)
                _bond(atoms, last, other, order if order is not None else first)
            else:
                open_rings[label] = (last, order)
            order = None
        else:
            atoms.append(_atom(token))
            if last >= 0:
                _bond(atoms, last, len(atoms) - 1, order)
            last, order = len(atoms) - 1, None
    if position != len(text) or branches or open_rings:
        raise NotSmiles(f"{text}: incomplete")
    return atoms


def _atom(token: str) -> Atom:
    if token[0] != "[":
        return Atom(token.capitalize(), aromatic=token.islower())
    match = BRACKET.fullmatch(token)
    if not match:
        raise NotSmiles(token)
    _, symbol, _, hydrogens, charge = match.groups()
    count = int(hydrogens[1:] or 1) if hydrogens else 0
    return Atom(symbol.capitalize(), symbol[0].islower(), _charge(charge or ""), count, bracket=True)


def _charge(text: str) -> int:
    if not text:
        return 0
    sign = 1 if text[0] == "+" else -1
    digits = text.lstrip("+-")
    return sign * int(digits) if digits else sign * len(text)


def _bond(atoms: list[Atom], left: int, right: int, order: float | None) -> None:
    if left < 0 or left == right:
        raise NotSmiles("a bond without an atom before it")
    if order is None:
        order = 1.5 if atoms[left].aromatic and atoms[right].aromatic else 1.0
    atoms[left].bonds[right] = atoms[right].bonds[left] = order


def _implicit(atom: Atom) -> int:
    """Hydrogens that fill the next normal valence; an aromatic atom spends one on its ring."""
    used = sum(1.0 if order == 1.5 else order for order in atom.bonds.values()) + (1 if atom.aromatic else 0)
    for valence in VALENCES.get(atom.symbol, (0,)):
        if used <= valence:
            return int(valence - used)
        if atom.aromatic:
            return 0
    return 0


def _fold_hydrogens(atoms: list[Atom]) -> None:
    """Hydrogens written as atoms become counts of their neighbour."""
    bare = [i for i, atom in enumerate(atoms) if atom.symbol == "H" and atom.degree == 1 and len(atoms) > 2]
    for i in bare:
        (other,) = atoms[i].bonds
        if atoms[other].symbol != "H":
            atoms[other].hydrogens += 1
    kept = [i for i in range(len(atoms)) if i not in bare]
    number = {old: new for new, old in enumerate(kept)}
    for atom in atoms:
        if any(j in bare for j in atom.bonds):
            atom.bracket = True
        atom.bonds = {number[j]: order for j, order in atom.bonds.items() if j in number}
    atoms[:] = [atoms[i] for i in kept]


def _charge_separate(atoms: list[Atom]) -> None:
    """N(=O)=O is written as [N+](=O)[O-], so that both spellings of a nitro group give the same graph."""
    for i, atom in enumerate(atoms):
        double = [j for j, order in atom.bonds.items() if order == 2 and atoms[j].symbol == "O"]
        if atom.symbol == "N" and not atom.charge and len(double) == 2:
            other = atoms[double[1]]
            atom.charge, other.charge = 1, -1
            atom.bonds[double[1]] = other.bonds[i] = 1.0


def _rings(atoms: list[Atom]) -> list[tuple[int, ...]]:
    """For each bond outside a spanning tree, the shortest ring through it; the smallest ones are kept."""
    edges = sorted({(min(i, j), max(i, j)) for i, atom in enumerate(atoms) for j in atom.bonds})
    root = list(range(len(atoms)))

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    closing = 0
    for i, j in edges:
        if find(i) == find(j):
            closing += 1
        root[find(i)] = find(j)
    if not closing:
        return []
    found = {frozenset(ring): ring for edge in edges if (ring := _shortest(atoms, *edge))}
    return _independent(sorted(found.values(), key=len), edges, closing)


def _shortest(atoms: list[Atom], start: int, end: int) -> tuple[int, ...]:
    before, queue = {start: -1}, [start]
    for here in queue:
        for there in atoms[here].bonds:
            if there in before or (here == start and there == end):
                continue
            before[there] = here
            if there == end:
                path = [end]
                while path[-1] != start:
                    path.append(before[path[-1]])
                return tuple(path)
            queue.append(there)
    return ()


def _independent(rings: list[tuple[int, ...]], edges: list[tuple[int, int]], count: int) -> list[tuple[int, ...]]:
    """Greedily those that are no sum of smaller ones (Gaussian elimination over bits, one per bond)."""
    bit = {edge: 1 << k for k, edge in enumerate(edges)}
    basis: dict[int, int] = {}
    kept = []
    for ring in rings:
        vector = sum(bit[min(i, j), max(i, j)] for i, j in zip(ring, ring[1:] + ring[:1], strict=True))
        while vector and (top := vector.bit_length()) in basis:
            vector ^= basis[top]
        if vector:
            basis[vector.bit_length()] = vector
            kept.append(ring)
        if len(kept) == count:
            break
    return kept


def _single_between_rings(molecule: Molecule) -> None:
    """A bond that is not written joins two aromatic rings as a single one."""
    inside = {frozenset(pair) for ring in molecule.rings for pair in zip(ring, ring[1:] + ring[:1], strict=True)}
    for i, j, order in molecule.bonds():
        if order == 1.5 and frozenset((i, j)) not in inside:
            molecule.atoms[i].bonds[j] = molecule.atoms[j].bonds[i] = 1.0


def _perceive_aromatic(molecule: Molecule) -> None:
    """Kekule rings of five or six atoms with 4n + 2 electrons become aromatic, as if written in lower case."""
    marked = []
    for ring in molecule.rings:
        if len(ring) in (5, 6) and not all(molecule.atoms[i].aromatic for i in ring):
            electrons = [_electrons(molecule, i, ring) for i in ring]
            if None not in electrons and sum(electrons) == 6:  # type: ignore[arg-type]
                marked.append(ring)
    for ring in marked:
        for i, j in zip(ring, ring[1:] + ring[:1], strict=True):
            molecule.atoms[i].aromatic = True
            molecule.atoms[i].bonds[j] = molecule.atoms[j].bonds[i] = 1.5


def _electrons(molecule: Molecule, number: int, ring: tuple[int, ...]) -> int | None:
    """What an atom gives to a ring's cloud; None if it cannot be part of one."""
    atom = molecule.atoms[number]
    if atom.aromatic or any(order == 2 and j in ring for j, order in atom.bonds.items()):
        return 1
    if any(order == 2 for order in atom.bonds.values()):
        return None
    return 2 if atom.symbol in ("N", "O", "S") else None
