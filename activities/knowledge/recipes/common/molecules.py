"""What is counted on a molecule's graph: whole-molecule facts, and the surroundings of each atom."""

import math
from collections import Counter

import smiles
from smiles import Atom, Molecule

HALOGENS = ("F", "Cl", "Br", "I")
HYDROPHOBIC = {"F": 0.4202, "Cl": 0.6895, "Br": 0.8456, "I": 0.8857, "P": 0.8612, "B": 0.2, "Si": 0.4}


def facts(text: str) -> dict[str, float]:
    """Whole-molecule numbers; empty for a string that is no SMILES."""
    try:
        molecule = smiles.parse(text)
    except smiles.NotSmiles:
        return {}
    return _composition(molecule) | _shape(molecule) | _polarity(molecule)


def surroundings(text: str, radius: int) -> Counter[str]:
    """How often each circular surrounding of an atom occurs, for radii 0 to `radius`, named by its own text."""
    try:
        molecule = smiles.parse(text)
    except smiles.NotSmiles:
        return Counter()
    names = [_name(atom, _in_ring(molecule, i)) for i, atom in enumerate(molecule.atoms)]
    found = Counter(f"0:{name}" for name in names)
    for step in range(1, radius + 1):
        names = [
            names[i] + "(" + ",".join(sorted(f"{order:g}{names[j]}" for j, order in atom.bonds.items())) + ")"
            for i, atom in enumerate(molecule.atoms)
        ]
        found.update(f"{step}:{name}" for name in names)
    return found


def _name(atom: Atom, ring: bool) -> str:
    symbol = atom.symbol.lower() if atom.aromatic else atom.symbol
    charge = "+" * max(atom.charge, 0) + "-" * max(-atom.charge, 0)
    return f"{symbol}{charge}H{atom.hydrogens}D{atom.degree}{'R' if ring else ''}"


def _in_ring(molecule: Molecule, number: int) -> bool:
    return any(number in ring for ring in molecule.rings)


def _composition(molecule: Molecule) -> dict[str, float]:
    atoms = molecule.atoms
    elements = Counter(atom.symbol for atom in atoms)
    carbons = max(elements["C"], 1)
    found = {f"count_{symbol}": float(elements[symbol]) for symbol in ("C", "N", "O", "S", "P", *HALOGENS)}
    return found | {
        "weight": molecule.weight,
        "heavy_atoms": float(len(atoms)),
        "hydrogens": float(molecule.hydrogens),
        "halogens": float(sum(elements[symbol] for symbol in HALOGENS)),
        "hetero_share": sum(atom.symbol not in ("C", *HALOGENS) for atom in atoms) / len(atoms),
        "aromatic_share": sum(atom.aromatic for atom in atoms) / len(atoms),
        "sp3_share": sum(atom.symbol == "C" and _saturated(atom) for atom in atoms) / carbons,
        "charges": float(sum(abs(atom.charge) for atom in atoms)),
    }


def _saturated(atom: Atom) -> bool:
    return not atom.aromatic and all(order == 1 for order in atom.bonds.values())


def _shape(molecule: Molecule) -> dict[str, float]:
    """Rings, flexibility, connectivity indices of order 0 and 1, and distances in the graph."""
    atoms, bonds, rings = molecule.atoms, molecule.bonds(), molecule.rings
    ring_bonds = {frozenset(pair) for ring in rings for pair in zip(ring, ring[1:] + ring[:1], strict=True)}
    total, longest = _distances(molecule)
    pairs = max(len(atoms) * (len(atoms) - 1) / 2, 1)
    return {
        "rings": float(len(rings)),
        "aromatic_rings": float(sum(all(atoms[i].aromatic for i in ring) for ring in rings)),
        "hetero_rings": float(sum(any(atoms[i].symbol != "C" for i in ring) for ring in rings)),
        "largest_ring": float(max((len(ring) for ring in rings), default=0)),
        "fused": float(sum(sum(i in ring for ring in rings) > 1 for i in range(len(atoms)))),
        "rotatable": float(sum(_rotatable(molecule, i, j, order, ring_bonds) for i, j, order in bonds)),
        "double_bonds": float(sum(order == 2 for *_, order in bonds)),
        "triple_bonds": float(sum(order == 3 for *_, order in bonds)),
        "branching": float(sum(atom.degree > 2 for atom in atoms)),
        "quaternary": float(sum(atom.degree > 3 for atom in atoms)),
        "chi0": sum(1 / math.sqrt(max(atom.degree, 1)) for atom in atoms),
        "chi1": sum(1 / math.sqrt(atoms[i].degree * atoms[j].degree) for i, j, _ in bonds),
        "chi1_valence": sum(1 / math.sqrt(_valence(atoms[i]) * _valence(atoms[j])) for i, j, _ in bonds),
        "mean_distance": total / pairs,
        "longest_path": float(longest),
    }


def _valence(atom: Atom) -> float:
    """Valence electrons that are not spent on hydrogens, as connectivity indices use them."""
    outer = {"C": 4, "N": 5, "O": 6, "S": 6, "P": 5, "F": 7, "Cl": 7, "Br": 7, "I": 7}.get(atom.symbol, 4)
    return max(outer - atom.hydrogens, 1)


def _rotatable(molecule: Molecule, i: int, j: int, order: float, ring_bonds: set[frozenset[int]]) -> bool:
    left, right = molecule.atoms[i], molecule.atoms[j]
    linear = any(order == 3 for atom in (left, right) for order in atom.bonds.values())
    return order == 1 and min(left.degree, right.degree) > 1 and frozenset((i, j)) not in ring_bonds and not linear


def _distances(molecule: Molecule) -> tuple[int, int]:
    """The sum of the shortest paths between all pairs of atoms, and the longest of them."""
    total = longest = 0
    for start in range(len(molecule.atoms)):
        depth, queue = {start: 0}, [start]
        for here in queue:
            for there in molecule.atoms[here].bonds:
                if there not in depth:
                    depth[there] = depth[here] + 1
                    queue.append(there)
        total += sum(depth.values())
        longest = max(longest, *depth.values())
    return total // 2, longest


def _polarity(molecule: Molecule) -> dict[str, float]:
    atoms = molecule.atoms
    polar = [(i, atom) for i, atom in enumerate(atoms) if atom.symbol in ("N", "O")]
    surface = sum(_surface(atom) for _, atom in polar)
    hydrophobic = sum(_hydrophobic(molecule, i) for i in range(len(atoms)))
    groups = Counter(name for i in range(len(atoms)) for name in _groups(molecule, i))
    found = {f"group_{name}": float(groups[name]) for name in GROUPS}
    return found | {
        "donors": float(sum(atom.hydrogens > 0 for _, atom in polar)),
        "donor_hydrogens": float(sum(atom.hydrogens for _, atom in polar)),
        "acceptors": float(sum(_accepts(molecule, atom) for _, atom in polar)),
        "polar_surface": surface,
        "polar_share": surface / len(atoms),
        "hydrophobic": hydrophobic,
        "hydrophobic_share": hydrophobic / len(atoms),
    }


def _accepts(molecule: Molecule, atom: Atom) -> bool:
    if atom.symbol == "O":
        return True
    pyrrole = atom.aromatic and atom.degree + atom.hydrogens == 3
    return not pyrrole and atom.charge <= 0 and not _beside_carbonyl(molecule, atom)


def _beside_carbonyl(molecule: Molecule, atom: Atom) -> bool:
    return any(
        order == 2 and molecule.atoms[k].symbol in ("O", "S")
        for j in atom.bonds
        for k, order in molecule.atoms[j].bonds.items()
    )


def _surface(atom: Atom) -> float:
    """Polar surface of a nitrogen or oxygen by its bonds and hydrogens (contributions after Ertl, 2000)."""
    highest = max(atom.bonds.values(), default=1)
    if atom.symbol == "O":
        if atom.aromatic:
            return 13.14
        return 23.06 if atom.charge < 0 else 17.07 if highest == 2 else 20.23 if atom.hydrogens else 9.23
    if atom.aromatic:
        return 15.79 if atom.hydrogens else 12.89 if atom.degree == 2 else 4.41
    if atom.charge > 0:
        return 3.01 if highest == 2 else 27.64 * (atom.hydrogens > 0)
    if highest == 3:
        return 23.79
    if highest == 2:
        return 23.85 if atom.hydrogens else 12.36
    return {0: 3.24, 1: 12.03}.get(atom.hydrogens, 26.02)


def _hydrophobic(molecule: Molecule, number: int) -> float:
    """An atom's share of log P with its hydrogens, by its kind and neighbours (after Wildman and Crippen, 1999)."""
    atom = molecule.atoms[number]
    if atom.symbol == "C":
        return _of_carbon(molecule, atom) + 0.123 * atom.hydrogens
    if atom.symbol == "N":
        return _of_nitrogen(molecule, atom) + 0.2142 * atom.hydrogens
    if atom.symbol == "O":
        return _of_oxygen(molecule, atom)
    if atom.symbol == "S":
        return 0.6237 if atom.aromatic else -0.0024 if atom.degree > 2 else 0.6482
    return HYDROPHOBIC.get(atom.symbol, 0.0)


def _of_carbon(molecule: Molecule, atom: Atom) -> float:
    near = [(molecule.atoms[j], order) for j, order in atom.bonds.items()]
    hetero = [other for other, _ in near if other.symbol != "C"]
    if atom.aromatic:
        if atom.hydrogens:
            return 0.1581
        outside = [other for other, order in near if order != 1.5]
        if not outside:
            return 0.2955
        symbol = outside[0].symbol
        if symbol == "C":
            return 0.2713 if outside[0].aromatic else 0.136
        return {"F": 0.0, "Cl": 0.245, "Br": 0.198, "I": 0.0, "N": 0.1839, "O": 0.5437, "S": 0.1893}.get(symbol, -0.5)
    if any(order == 3 for _, order in near):
        return 0.0017
    if any(order == 2 for _, order in near):
        return -0.2783 if any(order == 2 and other.symbol != "C" for other, order in near) else 0.1551
    if any(other.aromatic for other, _ in near):
        return (0.0845, -0.1444, -0.0516, 0.1193)[max(3 - atom.hydrogens, 0)] if not hetero else -0.0967
    if hetero:
        return -0.2035 if atom.hydrogens >= 2 else -0.2051
    return 0.1441 if atom.hydrogens >= 2 else 0.0


def _of_nitrogen(molecule: Molecule, atom: Atom) -> float:
    if atom.aromatic:
        return -0.3239
    if atom.charge > 0:
        return -0.3396 if any(order == 2 for order in atom.bonds.values()) else -1.95
    highest = max(atom.bonds.values(), default=1)
    if highest > 1:
        return 0.0151 if highest == 3 else 0.0839
    aromatic = any(molecule.atoms[j].aromatic for j in atom.bonds)
    table = {2: (-1.027, -1.019), 1: (-0.5188, -0.7096), 0: (-0.4458, -0.3187)}
    return table[min(atom.hydrogens, 2)][0 if aromatic else 1]


def _of_oxygen(molecule: Molecule, atom: Atom) -> float:
    near = [molecule.atoms[j] for j in atom.bonds]
    if atom.aromatic:
        return 0.1552
    if atom.charge < 0:
        return 0.0335 if any(other.symbol == "N" for other in near) else -1.189
    if max(atom.bonds.values(), default=1) == 2:
        return -0.1526 if near[0].symbol == "C" else -0.3339
    if atom.hydrogens:
        acid = any(order == 2 for other in near for order in other.bonds.values())
        return -0.2893 + (0.298 if acid else -0.2677)
    return -0.4195 if any(other.aromatic for other in near) else -0.0684


GROUPS = ("acid", "ester", "amide", "aldehyde_ketone", "alcohol", "phenol", "ether", "amine1", "amine2", "amine3",
          "nitro", "nitrile", "sulfonyl", "phosphate", "thioether")  # fmt: skip


def _groups(molecule: Molecule, number: int) -> list[str]:
    """Functional groups that have this atom as their centre."""
    atom = molecule.atoms[number]
    near = [(molecule.atoms[j], order) for j, order in atom.bonds.items()]
    if atom.symbol == "C":
        return _carbonyl(near)
    if atom.symbol == "S":
        return ["sulfonyl"] if sum(order == 2 for _, order in near) >= 1 else ["thioether"] * (not atom.aromatic)
    if atom.symbol == "P":
        return ["phosphate"]
    if atom.symbol == "N":
        if atom.charge > 0 and sum(other.symbol == "O" for other, _ in near) == 2:
            return ["nitro"]
        if any(order == 3 for _, order in near):
            return ["nitrile"]
        simple = _saturated(atom) and not _beside_carbonyl(molecule, atom)
        return [("amine3", "amine2", "amine1")[min(atom.hydrogens, 2)]] if simple else []
    if atom.symbol == "O" and _saturated(atom) and not _beside_carbonyl(molecule, atom):
        aromatic = any(other.aromatic for other, _ in near)
        return [("phenol" if aromatic else "alcohol") if atom.hydrogens else "ether"]
    return []


def _carbonyl(near: list[tuple[Atom, float]]) -> list[str]:
    if not any(order == 2 and other.symbol == "O" for other, order in near):
        return []
    single = [other for other, order in near if order == 1]
    if any(other.symbol == "O" and other.hydrogens for other in single):
        return ["acid"]
    if any(other.symbol == "O" for other in single):
        return ["ester"]
    return ["amide"] if any(other.symbol == "N" for other in single) else ["aldehyde_ketone"]
