"""The frontier by brute force: each world of a declared flow, one after the other. Nothing of the package is used.
``flow`` has plain declarations. A trail: events (number, type, key, cause), {(event, handler): state}, runs as
(workflow, open), cancelled. An outcome is a tuple of (node, times), a node (type, free): what undoes takes all."""

# fmt: off
from functools import cache
from itertools import chain, combinations, product

LIVE = ("open", "dead letter", "done")
subsets = lambda things: chain.from_iterable(combinations(things, n) for n in range(len(things) + 1))


def ways(declared):
    ((kind, of),) = declared.items()
    if kind == "one_of":
        return [((name, 1),) for name, _ in of]
    if kind == "maybe":
        return [(), *ways(of)]
    if kind == "many":
        return [tuple((name, 2) for name, _ in some) for some in subsets(of["one_of"])]
    return [sum(each, ()) for each in product(*map(ways, of))] if kind == "all_of" else [()]


def outcomes(h):
    each = {(*way, *((n, 1) for n, _ in some)) for way in ways(h["follows"]) for some in subsets(h["emits"])}
    return each | {()} if h["filtered"] or h["batch"] else each


def times(counts, rounds):  # how often a join opens: each round needs an event of its own for what it lacks
    have = lambda part: sum(counts.get((part[0], free), 0) for free in part[1])
    return max(n for n in range(3) for some in combinations(rounds, n)
               if all(have(part) >= sum(part in each for each in some) for part in set().union(*some)))


@cache
def worlds(takers, joins, sources):  # the types of each; takers are (node, outcomes), joins (rounds, outcomes)
    found, seen, left = set(), set(), [(frozenset(), frozenset(), sources)]
    while left:
        counted, handled, waiting = state = left.pop()
        if state in seen or seen.add(state):
            continue
        counts, levels, rest = dict(counted), dict(handled), waiting[1:]
        if waiting:
            options = waiting[0]
        else:
            now = [counts.get(node, 0) for node, _ in takers] + [times(counts, rounds) for rounds, _ in joins]
            n = next((n for n, much in enumerate(now) if much > levels.get(n, 0)), None)
            if n is None:
                found.add(frozenset(name for (name, _), much in counted if much))
                continue
            levels[n], (_, options) = now[n], [*takers, *joins][n]
            if now[n] > 1:  # any of its outcomes, as often as one likes
                options = [sum(some, ()) * 2 for some in subsets(options) if some]
        for way in options:
            came = {*counts, *(node for node, _ in way)}
            more = {node: min(2, counts.get(node, 0) + sum(m for n, m in way if n == node)) for node in came}
            left.append((frozenset(more.items()), frozenset(levels.items()), rest))
    return found


def frontier(flow, trail):
    events, cancel, followers = trail["events"], trail["cancelled"], {trail["cancelled"]}
    there, sources, takers, joins = {e[1] for e in events}, [], [], []
    for number, _, _, cause in events:
        followers |= {number} if cause in followers else set()
    free = lambda e: cancel is None or e[0] in followers
    colour = lambda options, to: tuple(sorted(tuple(((n, to), much) for n, much in way) for way in options))
    for h in flow["handlers"]:
        options, on, takes = outcomes(h), bool(h["compensates"]), [name for name, _ in h["takes"]]
        state = lambda e, h=h: trail["reactions"].get((e[0], f"{h['service']}.{h['name']}"), "open")
        over = lambda r, state=state: "done" in map(state, r)
        mine = [[e] for e in events if e[1] in takes and (free(e) or on) and state(e) in LIVE]
        if not h["joins"]:
            takers += [((name, to), colour(options, to)) for name in takes for to in (True, False)[: 1 + on]]
        else:
            single, mine, parts = mine, [], frozenset((name, (True, False)[: 1 + on]) for name in takes)
            for (e,) in single:
                lacks = [r for r in mine if r[0][2] == e[2] and e[1] not in [p[1] for p in r]]
                lacks[0].append(e) if lacks else mine.append([e])
            rounds = [frozenset(p for p in parts if p[0] not in [e[1] for e in r]) for r in mine if not over(r)]
            joins.append(((*filter(len, rounds), parts, parts), colour(options, True)))
        for r in (r for r in mine if not over(r) and len(r) == (len(takes) if h["joins"] else 1)):
            end = options | ({()} if "dead letter" in map(state, r) else set())
            sources.append(colour(end, bool(h["joins"]) or free(r[0])))
    any_of = lambda names, to: colour([tuple((n, 1) for n in some) for some in subsets(sorted(names))], to)
    gives = {e["name"]: {n for n, _ in e["gives"]} for e in flow["emitters"]}
    sources += [any_of(gives[name], cancel is None) for name, is_open in trail["runs"] if is_open and name in gives]
    owed = {name for options in sources for way in options for (name, _), _ in way}
    ends, others = [{n for n, _ in end} for end in flow["process"]["ends"]], []
    if cancel is None and not any(there >= end for end in ends):
        begun = {name for name, _ in trail["runs"]} | {name for name, g in gives.items() if g & there}
        others = [any_of(g, True) for name, g in gives.items() if name not in begun and g & flow["part"]]
        others += [any_of([name], True) for name in flow["outside"] - there]
    finals = worlds(tuple(takers), tuple(joins), tuple(sorted(sources + others)))
    coming, awaited = set().union(*finals), {n for each in others for way in each for (n, _), _ in way}
    awaited -= owed | {name for h in flow["handlers"] for name, _ in h["gives"]}
    can = lambda end: "possible" if any(world >= end - there for world in finals) else "unreachable"
    return {"done": there, "owed": owed, "then": coming - owed - awaited, "awaited": awaited,
            "unreachable": flow["part"] - there - coming, "certain": set(frozenset.intersection(*finals)),
            "ends": ["reached" if there >= end else can(end) for end in ends]}
