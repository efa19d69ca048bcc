"""One run of one seed: what is declared, what goes wrong, who meddles, and what was broken."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from glovebox import names
from glovebox.kube.kinds import ACCESS_GRANT, DATASET_PIN, EXPERIMENT, LEASE, NAMESPACE
from glovebox.lineage.sending import Answer
from glovebox.tasks import pinned_tables
from simulation import bugs_told
from simulation.api_server import Asked, Change
from simulation.api_transport import Fault
from simulation.classes import POLICIES, REFUSED_DELETIONS, by_people
from simulation.faults import REFUSALS, TRANSIENT, WATCHES, Plan, Rule, SeededFaults
from simulation.invariants import BrokenPromise, Promises
from simulation.loop import DeadlockError, RunawayError, virtual_loop
from simulation.people import MENDABLE, People
from simulation.process import Process
from simulation.sink import TELLS
from simulation.store_faults import StoreFaults, StorePlan
from simulation.story import Story
from simulation.tables_here import TablesHere
from simulation.world import (
    IMAGE,
    LENDER,
    World,
    experiment_spec,
    grant_spec,
    grants_of_a_lender,
    lent_things,
    pin_spec,
    split_of_a_pin,
)

Json = dict[str, Any]
_FOR_EVER: Final = float("inf")
# Long enough for a list of everything, all backoffs, and a look after them.
_RECOVERY_SECONDS: Final = 420.0
_QUIET_SECONDS: Final = 200.0
# What a process needs to start and to look at everything.
_START_SECONDS: Final = 60.0
# A gap that nobody can notice lasts until the watch has ended and everything is listed again.
_GAP_SECONDS: Final = 1_000.0
# An outage that is noticed is over after some tries with growing pauses.
_OUTAGE_SECONDS: Final = 200.0
# Long enough for sessions to be renewed.
_LONG_SECONDS: Final = 3_000.0


# Of one seed in eight, whatever else was drawn.
_SPLITS: Final = 3
_LENDS: Final = 4


@dataclass(slots=True)
class Scenario:
    """What is declared, and what happens to it; all drawn from the seed, unless said otherwise."""

    seed: int
    has_run: bool = True
    run_succeeds: bool = True
    has_pin: bool = False
    # A dataset is divided beside it.
    has_split: bool = False
    # Definitions of another namespace are used by a grant, and data are compared with its data.
    borrows: bool = False
    # When these grants begin; when they end, and how: in the second 0 they do not.
    loans_begin: float = 0.0
    loans_end: tuple[float, str] = (0.0, "")
    probe_required: bool = False
    drift: str = "Repair"
    deletion: str = "Freeze"
    plan: Plan = field(default_factory=Plan)
    store: StorePlan = field(default_factory=StorePlan)
    deeds: int = 0
    meddling_seconds: float = 60.0
    deleted_at_the_end: bool = False
    slowest: float = 1.0
    # By how many seconds the clock jumps, and when.
    clock_jump: float = 0.0
    clock_jump_at: float = 0.0
    # By how many seconds the clock of the second replica is ahead.
    clock_ahead: float = 0.0
    is_long: bool = False
    replicas: int = 1
    # Seconds for which the leader is stopped as by SIGSTOP, and when.
    stops: tuple[tuple[float, float], ...] = ()
    is_squatted: bool = False
    # Something exists and is repaired while nothing answers for a moment.
    is_hiccup: bool = False
    # A policy engine puts a policy of its own into each new namespace.
    has_generator: bool = False
    # A second Experiment beside it.
    has_other: bool = False
    # Whether tasks on data are Jobs, and how many of their pods are killed.
    has_task_jobs: bool = False
    killed_task_pods: float = 0.0
    # Whether lineage is told, from when to when its consumer is away, and what it says then.
    tells_lineage: bool = False
    sink_away: tuple[float, float] = (0.0, 0.0)
    sink_says: int = 0
    # The pin asks for grants, and there is one.
    takes_grants: bool = False
    # The run is a JobSet of two stages, the first with two workers.
    has_stages: bool = False
    # When a person puts another signing key in place of the present one; 0: nobody does.
    rotates_at: float = 0.0
    # What people do at which second, beside what is drawn.
    named_deeds: tuple[tuple[float, str], ...] = ()

    @classmethod
    def drawn(cls, seed: int) -> Scenario:  # noqa: C901, PLR0912, PLR0915 - one branch a thing that may happen
        """Return the scenario of a seed."""
        dice = random.Random(f"scenario {seed}")  # noqa: S311 - a simulation
        scenario = cls(
            seed,
            has_run=dice.random() < 0.75,
            run_succeeds=dice.random() < 0.85,
            has_pin=dice.random() < 0.3,
            probe_required=dice.random() < 0.3,
            drift=dice.choice(("Repair", "Repair", "Alert", "Ignore")),
            deletion=dice.choice(("Freeze", "Delete", "Retain")),
            deleted_at_the_end=dice.random() < 0.3,
            slowest=dice.choice((0.2, 1.0, 5.0)),
            is_long=dice.random() < 0.15,
            has_split=seed % 8 == _SPLITS,
            borrows=seed % 8 == _LENDS,
        )
        scenario.plan = _plan(dice)
        if dice.random() < 0.08:
            # Repairs that a policy refuses.
            scenario.deeds, scenario.drift = dice.randint(2, 5), "Repair"
            scenario.plan.rules.append(
                Rule(
                    dice.choice(("networkpolicies", "resourcequotas")),
                    ("update", "patch"),
                    422,
                    1_000.0 + dice.uniform(0, 20),
                    1_000.0 + dice.uniform(60, 200),
                )
            )
        if dice.random() < 0.3:
            scenario.store.rate = dice.choice((0.02, 0.1))
        if not scenario.deeds and dice.random() < 0.4:
            scenario.deeds = dice.randint(1, 5)
        if dice.random() < 0.25:
            scenario.replicas = 2
            scenario.stops = tuple(
                (dice.uniform(0.0, 60.0), dice.uniform(1.0, 40.0))
                for _ in range(dice.randint(1, 3))
            )
            scenario.meddling_seconds = 90.0
        if scenario.has_run:
            scenario.store.seal_faults = dice.choice((0, 0, 1, 2))
        if scenario.plan.watch_rate > 0.5:
            # Gaps matter only where something happens in them.
            scenario.deeds = max(scenario.deeds, 3)
        if dice.random() < 0.04:
            scenario.is_squatted = True
        if dice.random() < 0.1:
            scenario.clock_jump = dice.choice((-3600.0, -30.0, 30.0, 1200.0))
        scenario.store.seal_part = dice.choice(("", "attestation"))
        scenario.has_generator = dice.random() < 0.12
        scenario.has_other = dice.random() < 0.2
        # Dice of their own: what was drawn before there were such Jobs stays what it was.
        more = random.Random(f"task jobs {seed}")  # noqa: S311 - a simulation
        scenario.has_task_jobs = more.random() < 0.25
        scenario.killed_task_pods = more.choice((0.0, 0.0, 0.3))
        lineage = random.Random(f"lineage {seed}")  # noqa: S311 - a simulation
        scenario.tells_lineage = lineage.random() < 0.5
        if lineage.random() < 0.5:
            away = 1_000.0 + lineage.uniform(0, 60)
            scenario.sink_away = (away, away + lineage.choice((20.0, 90.0, 200.0)))
            scenario.sink_says = lineage.choice((0, 401, 503))
        grants = random.Random(f"grants {seed}")  # noqa: S311 - a simulation
        scenario.takes_grants = scenario.has_pin and grants.random() < 0.5
        loans = random.Random(f"loans {seed}")  # noqa: S311 - a simulation
        if scenario.borrows and loans.random() < 0.4:
            scenario.loans_begin = loans.uniform(0, 40)
        if scenario.borrows and loans.random() < 0.4:
            after = scenario.loans_begin + loans.uniform(0, 60)
            scenario.loans_end = (after, loans.choice(("revoked", "deleted")))
        stages = random.Random(f"stages {seed}")  # noqa: S311 - a simulation
        scenario.has_stages = scenario.has_run and stages.random() < 0.25
        keys = random.Random(f"another key {seed}")  # noqa: S311 - a simulation
        if keys.random() < 0.0625:
            # For long: the last listing is signed when the sessions have ended.
            scenario.rotates_at, scenario.is_long = 1_000.0 + keys.uniform(0, 60), True
        if scenario.plan.watch_rate > 0.5:
            # What is not repaired by policy would hide that nobody saw it.
            scenario.drift = "Repair"
        if dice.random() < 0.06:
            return cls.hiccup(seed, dice)
        if dice.random() < 0.06:
            scenario.plan.crash_on = dice.choice(
                (
                    ("create", "namespaces", False),
                    ("create", "namespaces", True),
                    ("create", "jobs", True),
                    ("update", "experiments", True),
                    ("delete", "namespaces", True),
                )
            )
        if dice.random() < 0.12:
            # Repairs that lose against somebody who is faster.
            scenario.plan.overtaken_rate, scenario.drift = 0.5, "Repair"
            scenario.deeds = max(scenario.deeds, 3)
            scenario.plan.ends = 1_090.0
        outages = random.Random(f"outages {seed}")  # noqa: S311 - a simulation
        if outages.random() < 0.03:
            # What nothing happens to costs a bounded number of writes.
            return cls(
                seed,
                has_run=scenario.has_run,
                has_pin=scenario.has_pin,
                probe_required=scenario.probe_required,
                has_other=scenario.has_other,
                takes_grants=scenario.takes_grants,
                borrows=scenario.borrows,
                slowest=scenario.slowest,
            )
        scenario._draw_outages(outages)
        scenario.store.ends = scenario.plan.ends
        return scenario

    def _draw_outages(self, dice: random.Random) -> None:
        """Draw what is out of reach for a while, deaths in the midst of the store, and clocks."""
        begin, plan, store = 1_000.0, self.plan, self.store
        if dice.random() < 0.08:
            at = begin + dice.uniform(0, 90)
            plan.away = ((at, at + dice.choice((3.0, 12.0, 40.0))),)
        if dice.random() < 0.08:
            at = begin + dice.uniform(0, 60)
            store.away = (at, at + dice.choice((5.0, 30.0, 90.0)))
        if dice.random() < 0.04:
            at = begin + dice.uniform(0, 60)
            store.forbids = (at, at + dice.choice((5.0, 60.0)))
        if dice.random() < 0.08:
            store.crash, store.crash_arrives = dice.randint(1, 150), dice.random() < 0.5
        self.clock_jump_at = dice.uniform(0, 90)
        if self.replicas > 1 and dice.random() < 0.3:
            self.clock_ahead = dice.choice((-240.0, -30.0, 2.0, 45.0, 240.0))
        if dice.random() < 0.05:
            start = begin + dice.choice((0.0, 20.0))
            ends = dice.choice((start + 60, start + 400, _FOR_EVER))
            kind, code = dice.choice(REFUSED_DELETIONS), dice.choice((403, 422, 500))
            plan.rules.append(Rule(kind, ("delete",), code, start, ends))

    @classmethod
    def hiccup(cls, seed: int, dice: random.Random) -> Scenario:
        """Return a scenario in which what stands is repaired while little answers."""
        begins = 1_000.0 + dice.uniform(50, 70)
        plan = Plan(rate=0.8, codes=TRANSIENT, begins=begins, ends=begins + dice.uniform(3, 9))
        return cls(seed, has_run=False, plan=plan, is_hiccup=True, slowest=0.2)

    def __str__(self) -> str:
        said = [
            "run" if self.has_run else "interactive",
            *(["run fails"] if self.has_run and not self.run_succeeds else []),
            *(["stages"] if self.has_stages else []),
            *(["pin"] if self.has_pin else []),
            *(["grants"] if self.takes_grants else []),
            *(["split"] if self.has_split else []),
            *(["loans"] if self.borrows else []),
            *(["loans come later"] if self.loans_begin else []),
            *([f"loans are {self.loans_end[1]}"] if self.loans_end[1] else []),
            *(["probe required"] if self.probe_required else []),
            f"drift {self.drift}",
            f"deletion {self.deletion}",
            *([f"{self.deeds} deeds"] if self.deeds else []),
            *([f"{self.replicas} replicas"] if self.replicas > 1 else []),
            *([str(self.store)] if str(self.store) else []),
            *(["squatted"] if self.is_squatted else []),
            *(["a hiccup"] if self.is_hiccup else []),
            *(["a policy engine"] if self.has_generator else []),
            *(["another Experiment"] if self.has_other else []),
            *(["for long"] if self.is_long else []),
            *(["tasks are Jobs"] if self.has_task_jobs else []),
            *(["lineage"] if self.tells_lineage else []),
            *(["consumer away"] if self.tells_lineage and self.sink_away[1] else []),
            *(["the key is rotated"] if self.rotates_at else []),
            *(["deleted at the end"] if self.deleted_at_the_end else []),
            *([f"clock jumps {self.clock_jump:.0f} s"] if self.clock_jump else []),
            *([f"clocks differ {self.clock_ahead:.0f} s"] if self.clock_ahead else []),
        ]
        return f"{', '.join(said)}; faults: {self.plan}"


def _in_stages(whole: Json) -> list[Json]:
    """Return the same program in two stages, of which the second has all the inputs."""
    first = {name: value for name, value in whole.items() if name != "inputs"}
    return [{**first, "name": "first", "workers": 2}, {**whole, "needs": ["first"]}]


def _plan(dice: random.Random) -> Plan:
    begin = 1_000.0
    plan = Plan(ends=begin + dice.choice((5.0, 30.0, 90.0)))
    match dice.choice(
        ("cut", "cut", "flaky", "storm", "policy", "policy", "crash", "watch", "all")
    ):
        case "cut":
            number = dice.randint(1, 40)
            name = dice.choice(("refused", "lost", "unanswered", "late"))
            plan.cut[number] = Fault(name, dice.choice(REFUSALS), dice.uniform(0.1, 40.0))
        case "flaky":
            plan.rate, plan.codes = dice.choice((0.02, 0.1)), TRANSIENT
        case "storm":
            plan.write_rate, plan.ends = 0.4, begin + dice.uniform(2, 20)
        case "policy":
            plan.rules.append(_rule(dice, begin))
        case "crash":
            plan.crash = tuple(sorted(dice.sample(range(20, 160), dice.randint(1, 3))))
        case "watch":
            plan.watch_rate, plan.ends = 0.7, begin + 90
            if dice.random() < 0.5:
                plan.watches = ("gap",)
            else:
                plan.watches = tuple(each for each in WATCHES if each != "gap")
        case "all":
            plan.rate, plan.watch_rate = 0.05, 0.2
            plan.crash = (dice.randint(20, 200),)
            if dice.random() < 0.5:
                plan.rules.append(_rule(dice, begin))
    return plan


def _rule(dice: random.Random, begin: float) -> Rule:
    verbs = dice.choice((("create",), ("create", "update", "patch"), ("update", "patch")))
    start = begin + dice.choice((0.0, 0.0, 1.0, 20.0))
    ends = dice.choice((start + 2, start + 20, start + 400, _FOR_EVER))
    times = dice.choice((1, 2, 1_000_000, 1_000_000))
    return Rule(dice.choice(POLICIES), verbs, dice.choice((403, 422, 500)), start, ends, times)


@dataclass(slots=True)
class Result:
    """How a run went."""

    scenario: Scenario
    story: Story
    broken: list[BrokenPromise]
    hit: Counter[tuple[str, str, str]]
    requests: int
    virtual_seconds: float
    # What was sealed in the end: the statement of each seal, by the UID of its Experiment.
    seals: dict[str, Json] = field(default_factory=dict)
    # The namespaces of Experiments that are left, by name.
    namespaces: dict[str, Json] = field(default_factory=dict)
    # How often each Experiment ran, by UID.
    runs: Counter[str] = field(default_factory=Counter)
    # The states of experiments' namespaces, each time that somebody looked.
    seen: list[set[str]] = field(default_factory=list)
    # The Experiments that are left, by name.
    experiments: dict[str, Json] = field(default_factory=dict)
    # The DatasetPins that are left, by name.
    pins: dict[str, Json] = field(default_factory=dict)

    def told(self, *, last: int | None = 400) -> str:
        """Return the story for a person."""
        head = f"seed {self.scenario.seed}: {self.scenario}"
        broken = "\n".join(f"  {each}" for each in self.broken) or "  all promises held"
        return f"{head}\n{self.story.told(last=last)}\n{broken}"


def run(scenario: Scenario) -> Result:
    """Run one scenario on a loop of its own."""
    # Nothing of one run outlives it; looking for garbage in its midst costs a sixth of the time.
    bugs_told.told.clear()
    gc.disable()
    try:
        return _run(scenario)
    finally:
        gc.enable()


def _run(scenario: Scenario) -> Result:
    with virtual_loop(scenario.seed) as (loop, clock):
        world = World(scenario.seed, loop, clock, slowest=scenario.slowest)
        schedule = Schedule(scenario, world)
        try:
            with patch.object(pinned_tables, "TableProcess", TablesHere):
                loop.run_until_complete(schedule.run())
        except (AssertionError, DeadlockError, RunawayError) as error:
            schedule.promises.broken.append(BrokenPromise("0 the schedule", str(error)[:2000]))
        return Result(
            scenario,
            world.story,
            schedule.promises.broken,
            schedule.faults.hit,
            world.story.requests,
            loop.time() - 1_000.0,
            seals=world.seals(),
            namespaces={
                obj["metadata"]["name"]: obj
                for obj in world.server.everything(NAMESPACE)
                if obj["metadata"]["name"].startswith("gbx-")
            },
            runs=schedule.promises.runs,
            seen=schedule._people.seen,
            experiments={
                obj["metadata"]["name"]: obj for obj in world.server.everything(EXPERIMENT)
            },
            pins={obj["metadata"]["name"]: obj for obj in world.server.everything(DATASET_PIN)},
        )


class Schedule:
    """Plays one scenario in a world."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._scenario, self._world = scenario, world
        seed = scenario.seed
        self._dice = random.Random(f"schedule {seed}")  # noqa: S311 - a simulation
        self.faults = SeededFaults(
            scenario.plan,
            random.Random(f"faults {seed}"),  # noqa: S311 - a simulation
            world.loop.time,
            self._crash,
        )
        world.faults = self.faults
        self.faults.count = self._count
        self._store_faults = StoreFaults(
            scenario.store,
            random.Random(f"store {seed}"),  # noqa: S311 - a simulation
            world.loop.time,
            world.story,
            self._crash,
        )
        world.tasks = "Jobs" if scenario.has_task_jobs else "InProcess"
        world.task_pods.killed_rate = scenario.killed_task_pods
        if scenario.tells_lineage:
            world.lineage = TELLS
            world.sink.answers = self._take_lineage
        self._restarts: set[asyncio.Task[None]] = set()
        self._done: Counter[str] = Counter()
        plan = scenario.plan
        if not plan.has_gaps:
            # As in life: so that nothing but the watch itself repairs what it missed.
            world.relist_seconds = 3_600.0
        self._profile: Json = {
            "probe": {"schedule": "Once", "requiredForRuns": scenario.probe_required},
            "drift": [
                {"kind": kind, "policy": scenario.drift}
                for kind in ("NetworkPolicy", "ResourceQuota", "LimitRange")
            ],
        }
        lifecycle = {"deletionPolicy": scenario.deletion}
        pin = "set" if scenario.has_pin else ""
        test_pin = "later" if scenario.has_pin else ""
        self._spec = experiment_spec(
            run=scenario.has_run,
            pin=pin,
            test_pin=test_pin,
            borrows=scenario.borrows,
            lifecycle=lifecycle,
        )
        if scenario.has_stages:
            self._spec["stages"] = _in_stages(self._spec["stages"][0])
        self._people = People(world, self._dice, self._spec, self._profile, lends=scenario.borrows)
        self.promises = Promises(
            world,
            gaps=plan.has_gaps,
            lag=None if plan.has_gaps or not (plan.watch_rate or plan.away) else _OUTAGE_SECONDS,
            drift=scenario.drift,
            people=self._people,
            only_transient=not (
                plan.rules
                or plan.crash
                or scenario.deeds
                or scenario.loans_end[1]
                or scenario.clock_jump
                or plan.watch_rate
                or plan.cut
                or scenario.store.forbids[1]
                or scenario.store.crash
                or scenario.replicas > 1
                or scenario.is_squatted
                or scenario.deleted_at_the_end
                or scenario.has_generator
                or plan.crash_on
                or set(plan.codes) - set(TRANSIENT)
            ),
        )
        self.faults.on_outage = self._act_in_an_outage
        world.actors.run_ends = lambda _: (self._dice.uniform(1, 30), scenario.run_succeeds)
        world.actors.run_writes = self._write_results

    def _declare_data(self) -> None:
        """Declare pins, the grant that they ask for, and a split."""
        world, scenario = self._world, self._scenario
        if scenario.has_pin:
            asks = {"use": {"grantFor": ["train"]}} if scenario.takes_grants else {}
            world.declare(DATASET_PIN, "set", pin_spec() | asks)
            world.declare(DATASET_PIN, "later", pin_spec("later/"))
        if scenario.takes_grants:
            world.declare(ACCESS_GRANT, "loan", grant_spec())
        if scenario.has_split:
            for kind, name, spec in split_of_a_pin():
                world.declare(kind, name, spec)
        if scenario.borrows:
            for kind, name, spec, namespace in lent_things():
                world.declare(kind, name, spec, namespace=namespace)

    async def run(self) -> None:  # noqa: C901 - one branch a thing that may happen
        """Play it to its end."""
        world, scenario, loop = self._world, self._scenario, self._world.loop
        world.prepare(profile=self._profile, lends=scenario.borrows)
        world.store.fault = self._store_faults
        elects = scenario.replicas > 1
        for number in range(scenario.replicas):
            name = f"operator-{number}" if elects else "operator"
            world.process(name, elects=elects, ahead=number * scenario.clock_ahead).start()
        if scenario.clock_ahead:
            self._count("clocks differ")
        deeds = (self._stop_leaders(), self._jump(), self._lend(), self._rotate())
        meanwhile = [asyncio.get_running_loop().create_task(each) for each in deeds]
        self._declare_data()
        if scenario.has_generator:
            world.server.on_change.append(self._generate)
        made = world.declare(EXPERIMENT, "x", self._spec)
        if scenario.has_other:
            world.declare(EXPERIMENT, "y", self._spec)
        if scenario.is_squatted:
            self._count("squatted")
            self._people.squat(made)
        if scenario.is_hiccup:
            await self._unsettle()
        await self._do_as_named()
        await self._meddle()
        await asyncio.gather(*meanwhile)
        outages = (*scenario.plan.away, scenario.store.away, scenario.store.forbids)
        ends = max(scenario.plan.ends, *(end for _, end in outages))
        await asyncio.sleep(max(0.0, ends - loop.time()))
        self._people.pay()
        if scenario.deleted_at_the_end:
            await asyncio.sleep(self._dice.uniform(0, 120))
            world.remove(EXPERIMENT, "team-a", "x")
        world.story.tell("the schedule", "nothing goes wrong any more")
        for rule in scenario.plan.rules:
            if rule.ends != _FOR_EVER:
                await asyncio.sleep(max(0.0, rule.ends - loop.time()))
        recovery = _GAP_SECONDS if scenario.plan.has_gaps else _RECOVERY_SECONDS
        await asyncio.sleep((_LONG_SECONDS if scenario.is_long else recovery) - _START_SECONDS)
        # Nobody is killed any more: a start looks at everything, and that is no quiet.
        self.faults.over = self._store_faults.over = True
        await asyncio.sleep(_START_SECONDS)
        self._people.pay()
        self.promises.standing_conditions(lag=120.0)
        quiet_from = loop.time()
        await asyncio.sleep(_QUIET_SECONDS)
        self.promises.in_the_end(
            quiet_from=quiet_from,
            calm=self._is_calm(),
            refused_for_ever=self._refused_for_ever(),
            expects_ready=self._expects_ready(),
        )
        world.actors.stop()
        for process in world.processes:
            await process.kill()

    def _take_lineage(self, event: Json) -> Answer | None:
        del event
        begins, ends = self._scenario.sink_away
        if not begins <= self._world.loop.time() < ends:
            return Answer(200)
        self._count("lineage away")
        return Answer(self._scenario.sink_says) if self._scenario.sink_says else None

    def _refused_for_ever(self) -> tuple[Rule, ...]:
        return tuple(
            rule
            for rule in self._scenario.plan.rules
            if rule.ends == _FOR_EVER and rule.times > 0 and rule.has_refused
        )

    def _expects_ready(self) -> bool:
        """Return whether nothing was done that a good end cannot follow."""
        policy_open = any(
            rule.ends == _FOR_EVER and rule.times > 0 for rule in self._scenario.plan.rules
        )
        mendable = set(self._done) <= MENDABLE
        # What is not repaired by policy stays as people left it.
        untouched = self._scenario.drift == "Repair" or not self._done
        untouched = untouched and self._scenario.loans_end[1] != "revoked"
        return mendable and untouched and not policy_open and not self._scenario.is_squatted

    async def _meddle(self) -> None:
        scenario = self._scenario
        moments = sorted(
            self._dice.uniform(0, scenario.meddling_seconds) for _ in range(scenario.deeds)
        )
        for moment in moments:
            await asyncio.sleep(max(0.0, 1_000.0 + moment - self._world.loop.time()))
            before = self._world.state()
            name = self._people.act()
            self._note(name, before)

    def _is_calm(self) -> bool:
        """Return whether nothing happened that costs a write."""
        scenario = self._scenario
        meddled = scenario.deeds or scenario.named_deeds or scenario.has_generator
        ended = bool(scenario.loans_end[1])
        fails = str(scenario.store) or scenario.killed_task_pods
        return scenario.plan.is_calm and not meddled and not ended and not fails

    async def _do_as_named(self) -> None:
        for moment, name in self._scenario.named_deeds:
            await asyncio.sleep(max(0.0, 1_000.0 + moment - self._world.loop.time()))
            self._do(name)

    async def _unsettle(self) -> None:
        """Take something away in the moment when little answers."""
        for name in ("takes the labels off the namespace", "deletes the credentials"):
            moment = self._scenario.plan.begins + self._dice.uniform(0.0, 1.0)
            await asyncio.sleep(max(0.0, moment - self._world.loop.time()))
            self._do(name)

    def _do(self, name: str) -> None:
        before = self._world.state()
        self._people.named()[name]()
        self._note(name, before)

    def _note(self, name: str, before: tuple[int, int]) -> None:
        """Take in that somebody did something; count it when it changed anything."""
        self._done[name] += 1
        if self._world.state() != before:
            self._count(by_people(name))

    def _count(self, name: str) -> None:
        self._world.story.faults[name] += 1

    async def _lend(self) -> None:
        if not self._scenario.borrows:
            return
        begin, (end, how) = self._scenario.loans_begin, self._scenario.loans_end
        await asyncio.sleep(begin)
        for name, spec in grants_of_a_lender().items():
            self._world.declare(ACCESS_GRANT, name, spec, namespace=LENDER)
        if not how:
            return
        await asyncio.sleep(end - begin)
        for name, spec in grants_of_a_lender().items():
            if how == "revoked":
                self._world.edit(ACCESS_GRANT, LENDER, name, {"spec": {"revoked": True}})
                continue
            self._world.remove(ACCESS_GRANT, LENDER, name)
            await self._world.until(f"grant {name} is gone", partial(self._is_gone, name))
            self._world.declare(ACCESS_GRANT, name, spec, namespace=LENDER)

    def _is_gone(self, name: str) -> bool:
        return self._world.server.peek(ACCESS_GRANT, LENDER, name) is None

    async def _jump(self) -> None:
        seconds = self._scenario.clock_jump
        if not seconds:
            return
        await asyncio.sleep(self._scenario.clock_jump_at)
        self._world.story.tell("the clock", f"jumps by {seconds:.0f} s")
        self._count("clock ahead" if seconds > 0 else "clock back")
        self._world.clock.jump(seconds)

    async def _rotate(self) -> None:
        """Put another key in place of the one that signs, as soon as there is one."""
        if not self._scenario.rotates_at:
            return
        await asyncio.sleep(max(0.0, self._scenario.rotates_at - self._world.loop.time()))
        for _ in range(60):  # what refuses the first key may do so for ever
            if self._people.rotate():
                return
            await asyncio.sleep(1.0)

    def _act_in_an_outage(self, asked: Asked) -> None:
        """Do something to a kind while its watch does not show it: that is when it matters."""

        def act() -> None:
            before = self._world.state()
            name = self._people.act_on(asked.kind)
            if name:
                self._note(name, before)

        if self._dice.random() < 0.8:
            loop = asyncio.get_running_loop()
            loop.call_later(self._dice.uniform(0.0, 0.7), act, context=contextvars.Context())

    def _generate(self, change: Change) -> None:
        is_new = change.served.kind == NAMESPACE and change.old is None
        if change.new is not None and is_new and change.key[1].startswith("gbx-"):
            self._count("policy engine")
            made, seconds = change.new, self._dice.uniform(0.0, 0.02)
            asyncio.get_running_loop().call_later(
                seconds, lambda: self._people.generate(made), context=contextvars.Context()
            )

    async def _stop_leaders(self) -> None:
        loop, elapsed = self._world.loop, 0.0
        for at, seconds in sorted(self._scenario.stops):
            await asyncio.sleep(max(0.0, at - elapsed))
            leader = self._leader()
            if self._holder() == leader.identity:
                self._count("leader stopped")
            self._world.story.tell(leader.name, f"IS STOPPED for {seconds:.1f} s")
            loop.stop_process(leader.name)
            await asyncio.sleep(seconds)
            self._world.story.tell(leader.name, "GOES ON")
            loop.continue_process(leader.name)
            elapsed = max(at, elapsed) + seconds

    def _holder(self) -> str:
        lease = self._world.server.peek(LEASE, "glovebox-system", names.LEADER_LEASE)
        return str(((lease or {}).get("spec") or {}).get("holderIdentity", ""))

    def _leader(self) -> Process:
        holder = self._holder()
        processes = self._world.processes
        return next((each for each in processes if each.identity == holder), processes[0])

    def restart_seconds(self) -> float:
        """Return how long a process that was killed is gone."""
        return self._dice.uniform(0.1, 20.0)

    def _crash(self) -> None:
        process = self._leader()

        async def restart() -> None:
            await process.kill()
            await asyncio.sleep(self.restart_seconds())
            process.start()

        for transport in process._transports:
            transport.is_dead = True
        task = asyncio.get_running_loop().create_task(restart())
        self._restarts.add(task)
        task.add_done_callback(self._restarts.discard)

    def _write_results(self, pod: Json) -> None:
        assert pod["spec"]["containers"][0]["image"] == IMAGE
        store = self._world.store
        bucket = store.buckets.get("gbx-artifacts")
        if bucket is None:
            return
        namespace = pod["metadata"]["namespace"]
        found = next(
            (
                obj
                for obj in self._world.server.everything(EXPERIMENT)
                if (obj.get("status") or {}).get("namespace") == namespace
            ),
            None,
        )
        uri = (((found or {}).get("status") or {}).get("artifacts") or {}).get("uri", "")
        if uri:
            prefix = uri.removeprefix("s3://gbx-artifacts/")
            store._store(bucket, f"{prefix}model.bin", b"weights", "", None, "")
