"""What is found in the data, said in Chinese: by the code of a finding and its figures, which are made elsewhere.

The English sentence comes with the finding. What has no figures in it is looked up by that sentence; a finding of an
older version, which lacks its figures, stays English.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from markupsafe import Markup

from tellapart.report import labels
from tellapart.report.language import either
from tellapart.text import percent

Facts = Mapping[str, Any]
PROPERTIES: Final = {
    "everything together": "所有属性合在一起",
    "width": "宽度",
    "height": "高度",
    "proportions": "宽高比",
    "bytes": "文件大小",
    "bytes a pixel": "每像素字节数",
    "format": "格式",
    "EXIF": "是否有 EXIF",
}
LOOKS: Final = {
    "near-empty": "几乎空白",
    "dark": "几乎全黑",
    "blown-out": "几乎全白",
    "blurred": "的细节不到通常的四分之一",
}


def _passed_over(facts: Facts) -> str:
    count = facts["passed_over"]
    return f"另外略过 {count:,} 个不是图片的文件。" if count else ""


def _tiny(facts: Facts) -> str:
    where = "训练集中" if facts["in_train"] else "总共(验证集和测试集也从中抽取)"
    return (
        f"{facts['classes']:,} 个类别中有 {facts['tiny']:,} 个{where}不足 {facts['limit']} 张图片;"
        f"最小的 {facts['smallest']} 有 {facts['count']:,} 张。"
    )


def _metadata(facts: Facts) -> str:
    harmless = "压缩后的大小取决于图片内容,因此这可能无害。" if facts["follows_content"] else ""
    medians = facts["medians"].replace("Medians: ", "中位数:").rstrip(".")
    return (
        f"不看图片,仅凭{PROPERTIES[facts['property']]}就能以 {percent(facts['accuracy'])} 的均衡准确率判断类别"
        f"(随机为 {percent(facts['chance'])},p = {facts['p_value']:.4f})。{medians}。{harmless}"
    )


def _looks(code: str) -> dict[tuple[str, str], Callable[[Facts], str]]:
    return {
        (code, "found"): lambda facts: f"{facts['pictures']:,} 张图片中有 {facts['bad']:,} 张{LOOKS[code]}。",
        (code, "passed"): lambda facts: f"{facts['pictures']:,} 张图片中没有一张{LOOKS[code]}。",
    }


MESSAGES: Final[Mapping[tuple[str, str], Callable[[Facts], str]]] = {
    ("unreadable", "found"): lambda facts: (
        f"{facts['pictures']:,} 张图片中有 {facts['unreadable']:,} 张无法读取:{facts['reasons']}。{_passed_over(facts)}"
    ),
    ("unreadable", "passed"): lambda facts: f"{facts['pictures']:,} 张图片全部可以读取。{_passed_over(facts)}",
    ("skipped", "found"): lambda facts: f"跳过了 {facts['skipped']:,} 个文件,原因见 ledger.csv。",
    ("converted", "found"): lambda facts: f"{facts['converted']:,} 张图片经过转换:{facts['reasons']}。",
    ("conflicting-labels", "found"): lambda facts: f"有 {facts['groups']:,} 组相同的图片属于不止一个类别。",
    ("cross-split-leaks", "found"): lambda facts: (
        f"有 {facts['groups']:,} 组相同的图片出现在不止一个子集中,涉及验证集和测试集的 {facts['pictures']:,} 张图片,"
        "它们的得分偏高。"
    ),
    ("exact-duplicates", "found"): lambda facts: (
        f"有 {facts['groups']:,} 组完全相同的图片,多出 {facts['surplus']:,} 张。"
    ),
    ("exact-duplicates", "passed"): lambda facts: f"{facts['pictures']:,} 张图片中,同一类别内没有完全相同的。",
    ("near-duplicates", "found"): lambda facts: (
        f"有 {facts['groups']:,} 组互为修改版本的图片,多出 {facts['surplus']:,} 张。"
    ),
    ("near-duplicates", "passed"): lambda facts: f"{facts['pictures']:,} 张图片中,同一类别内没有互为修改版本的。",
    ("tiny-classes", "found"): _tiny,
    ("tiny-classes", "passed"): lambda facts: f"最小的类别 {facts['smallest']} 有 {facts['count']:,} 张图片。",
    ("imbalance", "found"): lambda facts: (
        f"最大的类别是最小的 {facts['ratio']:,.1f} 倍:{facts['largest']} 有 {facts['most']:,} 张图片,"
        f"{facts['smallest']} 有 {facts['least']:,} 张。"
    ),
    ("imbalance", "passed"): lambda facts: (
        f"各类别大小相近:{facts['largest']} 有 {facts['most']:,} 张图片,{facts['smallest']} 有 {facts['least']:,} 张。"
    ),
    ("metadata", "found"): _metadata,
    ("metadata", "passed"): lambda facts: (
        f"文件属性不泄露类别:最有效的是{PROPERTIES[facts['property']]},准确率 {percent(facts['accuracy'])}"
        f"(随机为 {percent(facts['chance'])})。"
    ),
    ("metadata", "not applicable"): lambda facts: (
        f"需要两个类别和 {facts['fewest']} 张图片才能判断;现有 {facts['classes']} 个类别、{facts['pictures']} 张。"
    ),
    ("suspects", "found"): lambda facts: (
        f"{facts['judged']:,} 个标签中有 {facts['suspects']:,} 个可能有误;"
        f"预计其中约 {percent(facts['precision'])} 确实有误。"
    ),
    ("suspects", "passed"): lambda facts: f"{facts['judged']:,} 张图片的标签都没有可疑到需要列出。",
    **_looks("near-empty"),
    **_looks("dark"),
    **_looks("blown-out"),
    **_looks("blurred"),
    ("blurred", "not applicable"): lambda facts: (
        f"需要 {facts['fewest']} 张图片才能判断通常的清晰度;现有 {facts['pictures']} 张。"
    ),
}
SENTENCES: Final[Mapping[str, str]] = {
    "": "",
    "Every picture that can be read is used as it is.": "所有可读取的图片都直接使用。",
    "No picture is found under two classes.": "没有图片属于两个类别。",
    "No picture of one split is seen again in another.": "没有图片同时出现在两个子集中。",
    "The data has no splits; those that training draws keep copies together.": (
        "数据没有划分子集;训练时的划分会把副本放在一起。"
    ),
    "No picture has a label.": "没有图片带标签。",
    "There are fewer than two classes.": "类别少于两个。",
    "The pictures are no files of their own.": "图片不是独立的文件。",
    "All files have the same size, proportions and format.": "所有文件的大小、宽高比和格式都相同。",
    "No class has two pictures, so no picture could be held out.": "没有类别有两张图片,因此无法留出图片。",
    "Fewer than two classes have pictures that can be read.": "有可读取图片的类别少于两个。",
    "No picture is left to look at.": "没有可查看的图片。",
    "Get them anew from where they came from, or remove them.": "请从来源重新获取,或将其删除。",
    "Nothing need be done, if the conversion keeps what the classes differ in.": (
        "如果转换保留了类别之间的差别,则无需处理。"
    ),
    "Keep one of each, so that no picture counts twice.": "每组保留一张,以免重复计数。",
    "Look at them; one of each is enough to learn from. Training keeps each group on one side of its splits.": (
        "请查看;每组有一张就足以学习。训练时每组都放在同一子集中。"
    ),
    "Put all pictures of a group into one split.": "请把每组图片放入同一子集。",
    "Find out which label is right, and remove the other file.": "请确认哪个标签正确,并删除另一个文件。",
    "Add pictures of them, or join classes.": "请为这些类别增加图片,或合并类别。",
    "Read the balanced accuracy and the recall of each class, and add pictures of the small ones.": (
        "请看均衡准确率和各类别的召回率,并为小类别增加图片。"
    ),
    "A classifier may learn this instead of what the pictures show. Collect each class in the same way, or save all "
    "pictures in one size and format.": (
        "分类器可能学到这些属性,而不是图片内容。请以相同方式收集各类别,或把所有图片存为同一尺寸和格式。"
    ),
    "Look at each: move it, remove it, or leave it where it is.": "请逐一查看:移动、删除或保持不变。",
    "So many are alike in this that it may be how these pictures are.": "这样的图片很多,可能这些图片本来如此。",
    "Look at them; remove those on which nobody could tell the class.": "请查看,并删除无人能分辨类别的图片。",
}


def title(finding: Mapping[str, Any]) -> Markup:
    """The title of a finding of metrics.json or findings.json in both languages."""
    return either(finding["title"], labels.FINDINGS.get(finding["code"], finding["title"]))


def message(finding: Mapping[str, Any]) -> Markup:
    """Its message in both languages."""
    return either(finding["message"], chinese(finding))


def sentence(english: str) -> Markup:
    """A sentence without figures in both languages."""
    return either(english, SENTENCES.get(english, english))


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
        parts.append(f"相似度 {percent(item['similarity'])}{',镜像' if item['mirrored'] else ''}")
    return " · ".join(filter(None, parts))


def _size(item: Facts) -> str:
    return f"{item['class']}:{item['pictures']:,} 张图片"


CASES: Final[Mapping[str, Callable[[Facts], str]]] = {
    **dict.fromkeys(("exact-duplicates", "near-duplicates", "conflicting-labels", "cross-split-leaks"), _copies),
    **dict.fromkeys(("tiny-classes", "imbalance"), _size),
    "metadata": lambda item: (
        f"{PROPERTIES[item['property']]}:不看图片即可判断 {percent(item['balanced_accuracy'])} 的图片"
    ),
    "suspects": lambda item: f"标签为 {item['given']},看起来像 {item['suggested']}",
}


def chinese(finding: Mapping[str, Any]) -> str:
    """The message in Chinese; the English one where it cannot be said."""
    english: str = finding["message"]
    if english in SENTENCES:
        return SENTENCES[english]
    try:
        return MESSAGES[finding["code"], finding["outcome"]](finding["facts"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return english
