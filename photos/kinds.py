"""What can be found about a photo, in words: the kinds of findings."""

from dataclasses import dataclass

# In percent of contrast squared, see `jobs/imaging/look.py`; of 255; hours; metres.
BLURRED_BELOW, DARK_BELOW, HOURS_APART, METRES_APART = 3.0, 50.0, 24.0, 500.0


@dataclass(frozen=True, slots=True)
class Kind:
    """`title` names it as in a list, `what` and `limits` are sentences; `is_alert` says whether it raises an alert."""

    code: str
    title: str
    what: str
    limits: str
    is_alert: bool = False


OTHER_STORE = "same_photo_other_store"
OTHER_DAY = "same_photo_other_day"
OTHER_TIME = "taken_another_time"
ELSEWHERE = "taken_elsewhere"
BLURRED = "blurred"
DARK = "dark"
SHOWS_NAME = "shows_name"
NAME_NOT_SEEN = "name_not_seen"
NOT_KEPT = "not_kept"

_SAME = (
    "The same file, or one that looks the same: at most 8 of 128 bits of what it shows differ. It is the photo that "
    "was submitted later that is named, and only photos of one owner's jobs are compared."
)
_SAME_LIMITS = (
    "A photo that is mirrored, turned, or cropped by 3 % or more is not found; nor one with hardly any contrast, "
    "unless it is the same file. Shelves of one chain that look alike may be taken for one photo: how often is not "
    "known. Of a photo that is used more than 250 times, not every use is compared."
)
KINDS = {
    kind.code: kind
    for kind in (
        Kind(OTHER_STORE, "Same photo at another store", _SAME, _SAME_LIMITS, is_alert=True),
        Kind(OTHER_DAY, "Same photo on another day", f"At the same store. {_SAME}", _SAME_LIMITS, is_alert=True),
        Kind(
            OTHER_TIME,
            "Taken at another time",
            f"By the camera's clock, the photo was taken more than {HOURS_APART:g} hours before or after the time of "
            "the visit, unless the store's category says otherwise.",
            "A camera's clock may be wrong. Where neither the photo nor the store names a time zone, 14 hours more are "
            "allowed. Most apps remove the time from photos; a photo without one is not judged.",
            is_alert=True,
        ),
        Kind(
            ELSEWHERE,
            "Taken elsewhere",
            f"By the camera's GPS, the photo was taken more than {METRES_APART:g} m from the store, unless the store's "
            "category says otherwise.",
            "Indoors, GPS may be off by hundreds of metres, and a store's coordinates may be wrong. Photos without a "
            "position, and stores without coordinates, are not judged.",
            is_alert=True,
        ),
        Kind(
            BLURRED,
            "Blurred",
            "Neighbouring points hardly differ, compared with how much the photo's grays differ in all: sharpness "
            f"below {BLURRED_BELOW:g}, unless the store's category says otherwise.",
            "Strong blur is found, slight blur mostly not. A photo of a plain wall has no sharpness and is not judged.",
        ),
        Kind(
            DARK,
            "Dark",
            f"Its mean gray is below {DARK_BELOW:g} of 255, unless the store's category says otherwise.",
            "A photo taken at night of a lit sign may be dark and still show all that is needed.",
        ),
        Kind(
            SHOWS_NAME,
            "Shows the store's name",
            "The words that a model read on the photo are enough of the store's name.",
            "Experimental. Only Latin letters are read.",
        ),
        Kind(
            NAME_NOT_SEEN,
            "Store's name not seen",
            "A model has read the photo, and not enough of the store's name was among the words.",
            "Experimental: no proof that the photo shows another place. Stores whose names are too common are not "
            "judged.",
        ),
        Kind(
            NOT_KEPT,
            "Not kept",
            "KEEP_IMAGES asks for the photo, or a thumbnail of it, and it could not be stored: the space was used up, "
            "the storage could not be written to, or the photo cannot be drawn.",
            "It says nothing about the photo, and is not tried again.",
        ),
    )
}
CHOICES = [(kind.code, kind.title) for kind in KINDS.values()]
# Of these a visit needs a look.
ALL_USELESS = "all_blurred_or_dark"
REASONS = {
    OTHER_STORE: "A photo equals one of another store.",
    ALL_USELESS: "Every photo that was looked at is blurred or dark.",
    NAME_NOT_SEEN: "No photo shows the store's name.",
}
