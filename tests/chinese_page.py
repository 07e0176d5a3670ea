"""What a reader of a page in Chinese sees, and what of it is English."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input", "wbr"}
UNSEEN = {"style", "script", "template", "code", "pre"}
# Names: of the tool and its files, commands and options, of other tools, formats, machines, units and measures.
NAMES = re.compile(
    r"tellapart( report| audit)?|\w+\.(csv|json|jsonl|png|jpg)|Chart\.js|numpy|openvino|scikit-learn|pillow"
    r"|Python|MIT|CSV|CPU|EXIF|PNG|Linux-\S+|AMD EPYC \S+|(?:avx|amx)\w+|bf16|[0-9a-f]{64}|\bMB\b|\bkB\b|\bpx\b"
    r"|Brier|Dropout|trashnet|lite0|English|\b(auto|features|frozen|finetune|scratch(-augmented)?)\b"
    r"|scipy|simplejpeg|cykooz-resizer|onnx|torch(vision)?|timm|safetensors|opencv-python-headless"
)


class Chinese(HTMLParser):
    """What a reader of Chinese sees: the texts outside elements of the other language, and names of elements."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.texts = [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if "data-label-zh" in attributes:
            self.texts.append(attributes["data-label-zh"])
        if "data-title-zh" in attributes:
            self.texts.append(attributes["data-title-zh"])
        if tag not in VOID:
            hidden = (
                tag in UNSEEN or (attributes.get("lang") == "en" and tag == "span") or "data-title-zh" in attributes
            )
            self.open.append(hidden or attributes.get("translate") == "no")

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, text):
        if not any(self.open) and text.strip():
            self.texts.append(" ".join(text.split()))


def english_left(source, *, names=()):
    """The texts with an English word in them, names aside; a single letter, as in F1 or s for seconds, is none."""
    own = re.compile("|".join([rf"(?<!\w){re.escape(name)}(?!\w)" for name in names] or ["(?!)"]))
    texts = [NAMES.sub("", own.sub("", text)) for text in Chinese(source).texts]
    return [text for text in texts if re.search("[A-Za-z]{2,}", text)]
