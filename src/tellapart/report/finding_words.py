"""What is found in the data, said in Chinese by the code of a finding, its outcome, its severity and its figures.

The English sentence comes with the finding and is never looked at; a finding of an older version, which lacks the
figures that its Chinese sentence needs, stays English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from tellapart.audit.pixels import BLACK, FLAT, SOFT, WHITE
from tellapart.report import labels
from tellapart.report.language import either
from tellapart.text import percent

Facts = Any  # the figures by name; None in a document of an older version
PROPERTIES: Final = {
    "everything together": "所有属性合在一起",
    "width": "宽度",
    "height": "高度",
    "proportions": "宽高比",
    "bytes": "文件大小",
    "bytes a pixel": "每像素字节数",
    "format": "格式",
    "EXIF": "是否有 EXIF",
    "greyscale": "是否为灰度图",
}
LOOKS: Final = {
    "near-empty": "几乎空白",
    "dark": "几乎全黑",
    "blown-out": "几乎全白",
    "blurred": "的细节不到通常的四分之一",
}


def _passed_over(facts: Facts) -> str:
    count = facts["passed_over"]
    others = f"另外略过 {count:,} 个不是图片的文件。" if count else ""
    rare = facts.get("of_rare", 0)  # documents of earlier versions have none
    return others + (f"按要求排除了图片很少的类别中的 {rare:,} 张图片。" if rare else "")


def _tiny(facts: Facts) -> str:
    where = "训练集中" if facts["in_train"] else "总共（包括留作测试的图片）"
    return (
        f"{facts['classes']:,} 个类别中有 {facts['tiny']:,} 个{where}不足 {facts['limit']} 张图片；"
        f"最小的 {facts['smallest']} 有 {facts['count']:,} 张。"
    )


def _metadata(facts: Facts) -> str:
    harmless = "压缩后的大小取决于图片内容，因此这可能无害。" if facts["follows_content"] else ""
    medians = facts["medians"].removeprefix("Medians: ").rstrip(".")
    return (
        f"不看图片，仅凭{PROPERTIES[facts['property']]}就能以 {percent(facts['accuracy'])} 的均衡准确率判断类别"
        f"（随机为 {percent(facts['chance'])}，p = {facts['p_value']:.4f}）。中位数：{medians}。{harmless}"
    )


def _no_leak(facts: Facts) -> str:
    if facts == {}:  # nothing differs, so nothing was tried
        return "所有文件的大小、宽高比和格式都相同。"
    return (
        f"文件属性不泄露类别：最有效的是{PROPERTIES[facts['property']]}，准确率 {percent(facts['accuracy'])}"
        f"（随机为 {percent(facts['chance'])}）。"
    )


def _no_metadata(facts: Facts) -> str:
    if facts == {}:
        return "图片不是独立的文件。"
    return f"需要两个类别和 {facts['fewest']} 张图片才能判断；现有 {facts['classes']} 个类别、{facts['pictures']} 张。"


def _not_blurred(facts: Facts) -> str:
    return f"需要 {facts['fewest']} 张图片才能判断通常的清晰度；现有 {facts['pictures']} 张。"


def _looks(code: str) -> dict[tuple[str, str], Callable[[Facts], str]]:
    return {
        (code, "found"): lambda facts: f"{facts['pictures']:,} 张图片中有 {facts['bad']:,} 张{LOOKS[code]}。",
        (code, "passed"): lambda facts: f"{facts['pictures']:,} 张图片中没有一张{LOOKS[code]}。",
        (code, "not applicable"): lambda _: "没有可查看的图片。",
    }


MESSAGES: Final[Mapping[tuple[str, str], Callable[[Facts], str]]] = {
    ("unreadable", "found"): lambda facts: (
        f"{facts['pictures']:,} 张图片中有 {facts['unreadable']:,} 张无法读取：{facts['reasons']}。"
        f"{_passed_over(facts)}"
    ),
    ("unreadable", "passed"): lambda facts: f"{facts['pictures']:,} 张图片全部可以读取。{_passed_over(facts)}",
    ("skipped", "found"): lambda facts: f"跳过了 {facts['skipped']:,} 个文件，原因见 ledger.csv。",
    ("converted", "found"): lambda facts: f"{facts['converted']:,} 张图片经过转换：{facts['reasons']}。",
    ("converted", "passed"): lambda _: "所有可读取的图片都直接使用。",
    ("conflicting-labels", "found"): lambda facts: f"有 {facts['groups']:,} 组相同的图片属于不止一个类别。",
    ("conflicting-labels", "passed"): lambda _: "没有图片属于两个类别。",
    ("cross-split-leaks", "found"): lambda facts: (
        f"有 {facts['groups']:,} 组副本或声明为同组的图片出现在不止一个子集中，涉及验证集和测试集的 "
        f"{facts['pictures']:,} 张图片，"
        "它们的得分偏高。"
    ),
    ("cross-split-leaks", "passed"): lambda _: "没有图片同时出现在两个子集中。",
    ("cross-split-leaks", "not applicable"): lambda _: "数据没有划分子集；训练时的划分会把副本放在一起。",
    ("exact-duplicates", "found"): lambda facts: (
        f"有 {facts['groups']:,} 组完全相同的图片，多出 {facts['surplus']:,} 张。"
    ),
    ("exact-duplicates", "passed"): lambda facts: f"{facts['pictures']:,} 张图片中，同一类别内没有完全相同的。",
    ("near-duplicates", "found"): lambda facts: (
        f"有 {facts['groups']:,} 组互为修改版本的图片，多出 {facts['surplus']:,} 张。"
    ),
    ("near-duplicates", "passed"): lambda facts: f"{facts['pictures']:,} 张图片中，同一类别内没有互为修改版本的。",
    ("tiny-classes", "found"): _tiny,
    ("tiny-classes", "passed"): lambda facts: f"最小的类别 {facts['smallest']} 有 {facts['count']:,} 张图片。",
    ("tiny-classes", "not applicable"): lambda _: "没有图片带标签。",
    ("imbalance", "found"): lambda facts: (
        f"最大的类别是最小的 {facts['ratio']:,.1f} 倍：{facts['largest']} 有 {facts['most']:,} 张图片，"
        f"{facts['smallest']} 有 {facts['least']:,} 张。"
    ),
    ("imbalance", "passed"): lambda facts: (
        f"各类别大小相近：{facts['largest']} 有 {facts['most']:,} 张图片，"
        f"{facts['smallest']} 有 {facts['least']:,} 张。"
    ),
    ("imbalance", "not applicable"): lambda _: "类别少于两个。",
    ("metadata", "found"): _metadata,
    ("metadata", "passed"): _no_leak,
    ("metadata", "not applicable"): _no_metadata,
    ("suspects", "found"): lambda facts: (
        f"{facts['judged']:,} 个标签中有 {facts['suspects']:,} 个可能有误；"
        f"预计其中约 {percent(facts['precision'])} 确实有误。"
    ),
    ("suspects", "passed"): lambda facts: f"{facts['judged']:,} 张图片的标签都没有可疑到需要列出。",
    ("suspects", "not applicable"): lambda _: "无法检查标签：至少需要两个类别有可读取的图片，且有类别含两张以上图片。",
    **_looks("near-empty"),
    **_looks("dark"),
    **_looks("blown-out"),
    **_looks("blurred"),
    ("blurred", "not applicable"): _not_blurred,
}
_REMOVE: Final = "请查看，并删除无人能分辨类别的图片。"
_USUAL: Final = "这样的图片很多，可能这些图片本来如此。"
# What to do about what was found, by its code and severity.
ADVICE: Final[Mapping[tuple[str, str], str]] = {
    ("unreadable", "warning"): "请从来源重新获取，或将其删除。",
    ("converted", "note"): "如果转换保留了类别之间的差别，则无需处理。",
    ("conflicting-labels", "error"): "请确认哪个标签正确，并删除另一个文件。",
    ("conflicting-labels", "warning"): (
        "请查看：若某个标签有误，请删除该文件；若各类别本来只有这样的差别（例如只有颜色不同），请全部保留。"
    ),
    ("cross-split-leaks", "error"): "请把每组图片放入同一子集。",
    ("exact-duplicates", "note"): "每组保留一张，以免重复计数。",
    ("near-duplicates", "note"): "请查看；每组有一张就足以学习。训练时每组都放在同一子集中。",
    **dict.fromkeys((("tiny-classes", "error"), ("tiny-classes", "warning")), "请为这些类别增加图片，或合并类别。"),
    **dict.fromkeys(
        (("imbalance", "warning"), ("imbalance", "note")), "请看均衡准确率和各类别的召回率，并为小类别增加图片。"
    ),
    **dict.fromkeys(
        (("metadata", "error"), ("metadata", "warning"), ("metadata", "note")),
        "分类器可能学到这些属性，而不是图片内容。请以相同方式收集各类别，或把所有图片存为同一尺寸和格式；若部分是灰度图，则都存为灰度图。",
    ),
    **dict.fromkeys((("suspects", "warning"), ("suspects", "note")), "请逐一查看：移动、删除或保持不变。"),
    **{(code, "warning"): _REMOVE for code in LOOKS},
    **{(code, "note"): _USUAL for code in LOOKS},
}


def title(finding: Mapping[str, Any]) -> Markup:
    """The title of a finding of metrics.json or findings.json in both languages."""
    return either(finding["title"], labels.FINDINGS.get(finding["code"], finding["title"]))


def message(finding: Mapping[str, Any]) -> Markup:
    """Its message in both languages."""
    return either(finding["message"], chinese(finding))


def finding_advice(finding: Mapping[str, Any]) -> Markup:
    """What to do about it, in both languages."""
    english: str = finding["advice"]
    return either(english, ADVICE.get((finding["code"], finding["severity"]), english) if english else "")


def case(item: Mapping[str, Any], code: str) -> Markup:
    """What an item of a finding with that code says in a few words, in both languages."""
    try:
        said = CASES[code](item) if code in CASES else item["text"]
    except (KeyError, TypeError, ValueError):
        said = item["text"]
    return either(item["text"], said)


def _copies(item: Facts) -> str:
    parts = ["、".join(item["labels"]), "、".join(item["splits"])]
    if item["kind"] == "near":
        parts.append(f"相似度 {percent(item['similarity'])}{'，镜像' if item['mirrored'] else ''}")
    if item["kind"] == "group":
        parts.append("声明为同组")
    return " · ".join(filter(None, parts))


def _size(item: Facts) -> str:
    return f"{item['class']}：{item['pictures']:,} 张图片"


CASES: Final[Mapping[str, Callable[[Facts], str]]] = {
    **dict.fromkeys(("exact-duplicates", "near-duplicates", "conflicting-labels", "cross-split-leaks"), _copies),
    **dict.fromkeys(("tiny-classes", "imbalance"), _size),
    "metadata": lambda item: (
        f"{PROPERTIES[item['property']]}：不看图片即可判断 {percent(item['balanced_accuracy'])} 的图片"
    ),
    "suspects": lambda item: f"标签为 {item['given']}，看起来像 {item['suggested']}",
    # The score of a picture is its share of the limit; these are the levels behind it.
    "near-empty": lambda item: f"灰度标准差 {item['score'] * FLAT:.1f}",
    "dark": lambda item: f"95 % 的像素暗于 {item['score'] * BLACK:.0f}（最高 255）",
    "blown-out": lambda item: f"90 % 的像素亮于 {255 - item['score'] * (255 - WHITE):.0f}（最高 255）",
    "blurred": lambda item: f"细节为通常的 {percent(item['score'] * SOFT)}",
}


def chinese(finding: Mapping[str, Any]) -> str:
    """The message in Chinese; the English one where a figure that it needs is missing."""
    english: str = finding["message"]
    try:
        return MESSAGES[finding["code"], finding["outcome"]](finding.get("facts"))
    except (KeyError, TypeError, ValueError, AttributeError):
        return english
