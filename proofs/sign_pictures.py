"""Photos of shop fronts, drawn: a wall, a board with a name in one of several fonts, what else hangs there, a camera.

Each is the same for the same seed. The fonts are under the SIL Open Font License, and come as packages.
"""

import importlib.util
import io
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

from proofs.report import CannotProve

SIZE = 1280, 960
FONTS = (
    ("font_fjallaone", "FjallaOne-Regular.ttf"),
    ("font_fredoka_one", "FredokaOne-Regular.ttf"),
    ("font_hanken_grotesk", "HankenGrotesk-Bold.otf"),
    ("font_lato", "Lato-Black.ttf"),
    ("font_manrope", "Manrope-Bold.ttf"),
    ("font_source_sans_pro", "SourceSansPro-Bold.ttf"),
    ("font_source_serif_pro", "SourceSerifPro-Bold.ttf"),
)
_BOARDS = (  # the board and its letters
    ("#b71c1c", "#ffffff"), ("#0d47a1", "#ffeb3b"), ("#1b5e20", "#ffffff"), ("#fdd835", "#b71c1c"),
    ("#fafafa", "#1a237e"), ("#4a148c", "#ffffff"), ("#263238", "#ffb300"), ("#e65100", "#ffffff"),
)  # fmt: skip
# What hangs at shops of every name.
_ADVERTS = ("COLD DRINKS", "RECHARGE HERE", "ICE CREAM", "OPEN 24 HOURS", "BEST PRICE", "ATM", "SALE 20%")
_PLACES = ("STATION ROAD", "MAIN BAZAR", "NEAR BUS STAND", "SECTOR 7", "OLD MARKET")


def fonts() -> list[Path]:
    """Where their files are. Raises CannotProve where a package is missing."""
    found = []
    for package, name in FONTS:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise CannotProve(f"The package {package.replace('_', '-')} is missing; ./run proof signs installs it.")
        found.append(Path(spec.origin).parent / "files" / name)
    return found


def shop_front(name: str | None, seed: str) -> bytes:
    """A JPEG of a shop with the name on its board; without a board where there is none."""
    random = Random(f"front {seed}")  # noqa: S311 - a drawing
    image = _wall(random)
    draw = ImageDraw.Draw(image)
    _shutter(draw, random)
    for _ in range(random.randrange(3)):
        _advert(image, draw, random)
    if name is not None:
        _hang(image, _board(name, random), random)
    return _taken(image, random)


def _wall(random: Random) -> Image.Image:
    colour = tuple(random.randrange(90, 220) for _ in range(3))
    small = SIZE[0] // 4, SIZE[1] // 4
    noise = Image.frombytes("L", small, random.randbytes(small[0] * small[1])).resize(SIZE)
    return Image.blend(Image.new("RGB", SIZE, colour), noise.convert("RGB"), 0.15)


def _shutter(draw: ImageDraw.ImageDraw, random: Random) -> None:
    left, right, top = random.randrange(60, 200), random.randrange(1000, 1220), random.randrange(480, 560)
    draw.rectangle((left, top, right, SIZE[1]), fill="#455a64")
    for line in range(top, SIZE[1], 22):
        draw.line((left, line, right, line), fill="#607d8b", width=3)


def _advert(image: Image.Image, draw: ImageDraw.ImageDraw, random: Random) -> None:
    left, top = random.randrange(40, 1000), random.randrange(600, 860)
    ground, letters = random.choice(_BOARDS)
    font = ImageFont.truetype(random.choice(fonts()), random.randrange(18, 34))
    text = random.choice(_ADVERTS)
    box = draw.textbbox((left, top), text, font)
    draw.rectangle((box[0] - 10, box[1] - 8, box[2] + 10, box[3] + 8), fill=ground)
    draw.text((left, top), text, letters, font)


def _board(name: str, random: Random) -> Image.Image:
    """Wide enough for its name, with a smaller line below it on most."""
    ground, letters = random.choice(_BOARDS)
    path = random.choice(fonts())
    width, height = round(SIZE[0] * random.uniform(0.5, 0.95)), random.randrange(130, 240)
    board = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(board)
    draw.rectangle((4, 4, width - 5, height - 5), outline=letters, width=3)
    text = name.title() if random.random() < 0.3 else name
    size = round(height * 0.55)
    while (font := ImageFont.truetype(path, size)).getlength(text) > width * 0.92:
        size -= 2
    draw.text((width / 2, height * 0.42), text, letters, font, anchor="mm")
    if random.random() < 0.7:
        small = f"{random.choice(_PLACES)}  PH. {random.randrange(10**7, 10**8)}"
        draw.text(
            (width / 2, height * 0.84), small, letters, ImageFont.truetype(path, max(14, height // 9)), anchor="mm"
        )
    return board


def _hang(image: Image.Image, board: Image.Image, random: Random) -> None:
    """Seen a little from the side, and not quite straight."""
    width, height = board.size
    lean, tilt = random.uniform(-0.12, 0.12), random.uniform(-4, 4)
    near, far = (0, height * abs(lean)) if lean > 0 else (height * abs(lean), 0)
    corners = (0, -near, 0, height + near, width, height + far, width, -far)
    mask = Image.new("L", board.size, 255)
    smooth = Image.Resampling.BICUBIC
    seen, mask = (
        one.transform(board.size, Image.Transform.QUAD, corners, smooth).rotate(tilt, smooth, expand=True)
        for one in (board, mask)
    )
    left = random.randrange(max(1, SIZE[0] - seen.width))
    image.paste(seen, (left, random.randrange(60, 220)), mask)


def _taken(image: Image.Image, random: Random) -> bytes:
    """Through a lens, in this light, by a phone that compresses."""
    image = ImageEnhance.Brightness(image).enhance(random.uniform(0.55, 1.25))
    image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 1.6)))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=random.randrange(55, 92))
    return file.getvalue()
