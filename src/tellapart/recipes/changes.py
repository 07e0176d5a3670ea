"""What a caller changes of a recipe's own settings, without writing a plan: how long, how fast, and which net."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace
from typing import Any

from tellapart.data.augment import NOTHING
from tellapart.data.augment_spec import AugmentationSpec
from tellapart.errors import UsageError
from tellapart.nets.architectures import net_of_widths, net_size
from tellapart.nets.schedule import Training, check_range

MOST_LAYERS, WIDEST = 10, 9999
DENSE = 512  # features of the dense layer of the chapter's own net
OF_TRAINING = ("epochs", "batch", "learning_rate", "optimiser", "patience")
OF_NET = ("net", "layers", "dense")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Settings that take the place of a recipe's own; None leaves its own.

    Attributes:
        epochs: exactly so many, unless a net gets no better for as long as the recipe waits.
        batch: pictures in a step.
        learning_rate: its peak.
        optimiser: one of `nets.schedule.OPTIMISERS`.
        patience: epochs without a better one after which training stops.
        dropout: the share of features that is hidden in training.
        augmentation: how far pictures are changed.
        net: one of ours by name.
        layers: filters of the convolutions of a net like the chapter's, each with pooling.
        dense: features of its dense layer; without them those of the chapter's own net.
    """

    epochs: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    optimiser: str | None = None
    patience: int | None = None
    dropout: float | None = None
    augmentation: AugmentationSpec | None = None
    net: str | None = None
    layers: tuple[int, ...] | None = None
    dense: int | None = None

    def __post_init__(self) -> None:
        """Refuse what makes no sense, before anything is done.

        Raises:
            UsageError: a setting is out of its range, dense is given alone, or no net has that name.
        """
        check_range("learning_rate", self.learning_rate, above=0, optional=True, where="--rate")
        replace(Training(epochs=1, batch=1, learning_rate=1.0), **self._training)
        check_range("dropout", self.dropout, least=0, below=1, optional=True)
        if self.layers is None and self.dense is not None:
            raise UsageError("dense goes with layers", hint="Give both, as --layers 32,64,128,128 --dense 512.")
        if self.net is not None:
            net_size(self.net)
            if self.layers is not None:
                raise UsageError("say which net", hint="Give its name or its layers, not both.")
        for width in self.layers or ():
            check_range("a width", width, least=1, whole=True, where="--layers")
        check_range("dense", self.dense, least=1, whole=True, optional=True)
        if len(self.layers or ()) > MOST_LAYERS or max(self.layers or (), default=0) > WIDEST:
            hint = f"At most {MOST_LAYERS} of at most {WIDEST} filters."
            raise UsageError("too many layers", where=",".join(map(str, self.layers or ())), hint=hint)

    @property
    def given(self) -> tuple[str, ...]:
        """The names of the settings that are changed."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name) is not None)

    @property
    def _training(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in OF_TRAINING if getattr(self, name) is not None}

    def applied(self, plan: Any) -> Any:  # noqa: ANN401 - a plan of whatever recipe trains epochs
        """A plan with these settings in the place of its own."""
        changed: dict[str, Any] = {}
        if self._training:
            changed["training"] = replace(plan.training, **self._training)
        if self.dropout is not None:
            changed["dropout"] = self.dropout
        if self.epochs is not None and hasattr(plan, "pictures"):
            changed["pictures"] = sys.maxsize  # the epochs that were asked for, however many pictures they show
        if self.augmentation is not None:
            wanted = self.augmentation.applied(plan.augmentation)
            changed["augmentation"] = None if plan.augmentation is None and wanted == NOTHING else wanted
        if self.net is not None:
            changed["net"] = self.net
        if self.layers is not None:
            changed["net"] = net_of_widths(self.layers, self.dense or DENSE, size=net_size(plan.net))
        return replace(plan, **changed)

    def check(self, recipe: str, plan: type | None, *, own_net: bool = False) -> None:
        """Stop where a recipe, that takes plans of that kind, has no such settings, or a net of the user's own has not.

        Raises:
            UsageError: it is so.
        """
        if own_net and (ours := [name for name in self.given if name in (*OF_NET, "dropout")]):
            hint = "Leave it out, or write it into your net."
            raise UsageError(f"{ours[0]} is for nets of ours, and the net is your own", hint=hint)
        known = {field.name for field in fields(plan)} if plan is not None else set()
        needs = {name: "net" if name in OF_NET else name for name in self.given}
        needs |= dict.fromkeys(self._training, "training")
        if without := [name for name in self.given if needs[name] not in known]:
            hint = "scratch and scratch-augmented take all such settings; finetune all but a net's; frozen --augment."
            raise UsageError(f"this recipe has no {without[0]}", where=recipe, hint=hint)


NO_CHANGES = Changes()
