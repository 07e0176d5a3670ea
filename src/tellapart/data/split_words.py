"""Which split a folder or a cell means, in the words that people use for train, valid and test."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from tellapart.types import SPLITS, SplitName

_WORDS: Final[dict[SplitName, str]] = {
    "train": (
        "train training tr trn trainieren trainings entrainement apprentissage entrenamiento treino treinamento "
        "addestramento allenamento träning trening treningowy uczenie eğitim обучение обучающая тренировка "
        "训练 訓練 学習 學習 훈련 학습"
    ),
    "valid": (
        "valid val vali validation validate validating validierung validierungs validación validação validazione "
        "validatie validering walidacja walidacyjny dev devel develop development doğrulama валидация валидационная "
        "验证 驗證 検証 검증"
    ),
    "test": (
        "test tests testing tst eval evaluation evaluate holdout heldout essai essais "
        "prueba pruebas teste testes testen testowy "
        "evaluación avaliação valutazione тест тестовая тестирование 测试 測試 テスト 評価 评估 테스트 시험 평가"
    ),
}
# What may stand beside the word without changing what is meant.
_CONTAINERS: Final = (
    "data dataset datasets daten set sets folder folders image images img imgs picture pictures photo photos pic pics "
    "bild bilder foto fotos imagen imagenes jpg jpeg jpegs png pngs file files raw class classes sample samples "
    "集 数据 數據 数据集 データ 图片 圖片 画像 이미지"
)
_BESIDE: Final = "a b x the of for my our split splits subset classification part 用"
_GLUED: Final = "dataset images imgs image data daten set 集 数据集 数据 データ 用"
_PIECES: Final = re.compile(r"[^\W\d_]+")
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _plain(text: str) -> str:
    """Lower case and without accents, so that every way of typing a word is the same."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", "".join(each for each in parts if unicodedata.category(each) != "Mn"))


_MEANING: Final[dict[str, SplitName]] = {_plain(word): split for split in SPLITS for word in _WORDS[split].split()}
_PLAIN_CONTAINERS: Final = frozenset(map(_plain, _CONTAINERS.split()))
_FILLERS: Final = _PLAIN_CONTAINERS | frozenset(map(_plain, _BESIDE.split()))
_PLAIN_GLUED: Final = tuple(map(_plain, _GLUED.split()))


def split_of(name: str) -> SplitName | None:
    """The split that a name means, or None.

    Numbers, separators, capitals and words such as "images" or "set" beside the one that counts make no difference:
    "01_train", "images_train", "TestSet", "val2017" and "Held-Out" are all understood.
    """
    return _meaning(_pieces(name))


def splits_of(names: Sequence[str]) -> dict[str, SplitName | None]:
    """The split that each of several neighbours means; a word that all of them share says nothing: "birds_train"."""
    pieces = {name: _pieces(name) for name in names}
    shared = set.intersection(*map(set, pieces.values())) if len(names) > 1 else set()
    return {
        name: _meaning(found) or _meaning([piece for piece in found if piece not in shared])
        for name, found in pieces.items()
    }


def is_container(name: str) -> bool:
    """Whether a folder's name says only that pictures are in it, as "images" and "dataset" do."""
    pieces = _pieces(name)
    return bool(pieces) and all(piece in _PLAIN_CONTAINERS for piece in pieces)


def _pieces(name: str) -> list[str]:
    """The words of a name, plain."""
    composed = unicodedata.normalize("NFC", name)  # else an accent of its own would part a word
    return [_plain(piece) for part in _PIECES.findall(composed) for piece in _HUMP.split(part)]


def _meaning(pieces: Sequence[str]) -> SplitName | None:
    whole = "".join(piece for piece in pieces if piece not in _FILLERS)
    return _MEANING.get(whole) or _MEANING.get(_unglued(whole))


def _unglued(word: str) -> str:
    """The word without what is written in one with it, as in "testset"."""
    for end in _PLAIN_GLUED:
        if word.endswith(end) and len(word) > len(end):
            return word.removesuffix(end)
    return word
