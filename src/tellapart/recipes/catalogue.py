"""Every recipe by name, and what each needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tellapart.backbones.backbone import Backbone
from tellapart.backbones.catalogue import DEFAULT, check_base, find_base
from tellapart.backbones.pixels import SIDE, small_pixels
from tellapart.classifier import Classifier
from tellapart.data.preprocess import Preprocess
from tellapart.data.warp import load_cv2
from tellapart.errors import UsageError
from tellapart.extras import load_safetensors, load_torch
from tellapart.recipes.auto import train_auto, tries_features_alone
from tellapart.recipes.features import train_features
from tellapart.recipes.finetune import FineTuningPlan, train_finetune
from tellapart.recipes.frozen import FrozenPlan, train_frozen
from tellapart.recipes.request import Dataset, Request
from tellapart.recipes.scratch import ScratchPlan, check_scratch_net, train_scratch
from tellapart.types import Index


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a classifier is trained.

    Attributes:
        train: from a dataset, a base and a request to a calibrated classifier.
        check: called before any work; raises MissingExtraError where the recipe needs what is not installed.
        has_base: whether it starts from a pretrained base.
        keeps: whether it keeps anything in the work folder.
        plan: the kind of settings it can be given instead of its own; None where it takes none.
        check_request: called once the data is indexed and before any picture is looked at; raises UsageError where
            what was asked for cannot be done with it.
        on_kept_features: whether all that a request trains is a head on features that are kept, so that folds can test.
        weighs: whether it has a use for weights of pictures.
        keeps_sums: whether what it trains may be a head on a frozen base, whose sums can be kept.
    """

    train: Callable[[Dataset, Backbone, Request], Classifier]
    check: Callable[[], object] = lambda: None
    has_base: bool = True
    keeps: bool = False
    plan: type | None = None
    check_request: Callable[[Index, Request], object] = lambda _index, _request: None
    on_kept_features: Callable[[Request], bool] = lambda _request: False
    weighs: bool = False
    keeps_sums: bool = False


def find_recipe(name: str, *, plan: object = None) -> Recipe:
    """A recipe that can be run here.

    Raises:
        UsageError: there is none of that name, or the plan is not of its own kind.
        MissingExtraError: it needs what is not installed.
    """
    if name not in tuple(RECIPES):
        raise UsageError("no such recipe", where=str(name), hint=f"Choose one of: {', '.join(RECIPES)}.")
    recipe = RECIPES[name]
    kind = recipe.plan
    if plan is not None and (kind is None or not isinstance(plan, kind)):
        taken = f"It takes a {kind.__module__}.{kind.__qualname__}." if kind is not None else "Leave the plan out."
        raise UsageError("this recipe takes no such plan", where=f"{name}, {type(plan).__name__}", hint=taken)
    recipe.check()
    return recipe


def check_folds(request: Request) -> None:
    """Refuse folds for what they cannot test.

    Raises:
        UsageError: folds are asked for, and something else than a head on kept features may be trained.
    """
    if request.folds and not RECIPES[request.recipe].on_kept_features(request):
        hint = "Choose the recipe features, or leave --folds out."
        raise UsageError("folds are for recipes on kept features", where=request.recipe, hint=hint)


def check_keep_sums(request: Request) -> None:
    """Refuse to keep sums where there are none to keep.

    Raises:
        UsageError: they are asked for, and the recipe trains the base too.
    """
    if request.keep_sums and not RECIPES[request.recipe].keeps_sums:
        able = ", ".join(name for name, recipe in RECIPES.items() if recipe.keeps_sums)
        hint = f"Choose one of: {able}; or leave --keep-sums out."
        raise UsageError("sums are those of a frozen base", where=request.recipe, hint=hint)


def check_wanted(request: Request, backbone: str, *, weights: Path | None) -> None:
    """Stop where a request cannot be met, whatever the pictures; no base is loaded, which may take a download.

    Raises:
        UsageError: there is no such recipe or base, or the recipe has no use for what was given.
        DataError: there is no such file of weights.
        MissingExtraError: it needs what is not installed.
    """
    recipe, size, module = find_recipe(request.recipe, plan=request.plan), request.size, request.module
    check_folds(request)
    check_keep_sums(request)
    request.changes.check(request.recipe, recipe.plan, own_net=module is not None)
    if recipe.has_base:
        if module is not None:
            hint = "Choose scratch for that."
            raise UsageError("this recipe trains no net of your own", where=request.recipe, hint=hint)
        check_base(backbone, size=size, weights=weights, progress=request.progress)
        return
    for option, given in (("--weights", weights is not None), ("--backbone", backbone != DEFAULT)):
        if given:
            raise UsageError("this recipe starts from nothing", where=request.recipe, hint=f"Leave {option} out.")
    try:
        Preprocess(size=SIDE if size is None else size)
    except ValueError as error:
        raise UsageError("no such size", where=f"{size!r}", hint=f"The {error}.") from error
    if module is not None and not callable(module):
        hint = "Give a torch.nn.Module, or a class or function that gives one."
        raise UsageError("this is no net of torch", where=type(module).__name__, hint=hint)


def base_of(request: Request, backbone: str, *, weights: Path | None) -> Backbone:
    """The base that first looks at the pictures of a request that `check_wanted` has let pass; errors of find_base."""
    if not RECIPES[request.recipe].has_base:
        return small_pixels()
    return find_base(backbone, size=request.size, weights=weights, progress=request.progress)


def needs_torch() -> None:
    """Everything that a recipe with torch imports, found before any work."""
    load_torch()
    load_safetensors()
    load_cv2()


SCRATCH = Recipe(
    train=train_scratch,
    check=needs_torch,
    has_base=False,
    keeps=True,
    plan=ScratchPlan,
    check_request=check_scratch_net,
)
RECIPES: Mapping[str, Recipe] = {
    "auto": Recipe(train=train_auto, keeps=True, on_kept_features=tries_features_alone, keeps_sums=True),
    "features": Recipe(train=train_features, weighs=True, on_kept_features=lambda _request: True, keeps_sums=True),
    "frozen": Recipe(train=train_frozen, check=load_cv2, plan=FrozenPlan, weighs=True, keeps_sums=True),
    "finetune": Recipe(train=train_finetune, check=needs_torch, keeps=True, plan=FineTuningPlan),
    "scratch": SCRATCH,
    "scratch-augmented": replace(
        SCRATCH,
        train=partial(train_scratch, augmented=True),
        check_request=partial(check_scratch_net, augmented=True),
    ),
}
