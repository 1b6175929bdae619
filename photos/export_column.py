"""The column of an export that says what was found about each photo."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, OuterRef, TextField, Value

from jobs.reporting.exports import TEXT, Column
from photos.models import Finding

# Written so that only the index of image and code gives this order, see `ImageResultQuerySet.in_order_of`.
_of_image = Finding.objects.filter(image_id__gte=OuterRef("pk"), image_id__lte=OuterRef("pk"))
_codes = _of_image.order_by("image_id", "code").values("code")
# Codes with blanks between them; null without any.
_text = Func(ArraySubquery(_codes), Value(" "), function="array_to_string", output_field=TextField())
FINDINGS_OF_IMAGE = Column("findings", Func(_text, Value(""), function="nullif", output_field=TextField()), TEXT)
