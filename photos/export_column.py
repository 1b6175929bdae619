"""The column of an export that says what was found about each photo."""

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Func, OuterRef, TextField, Value

from jobs.reporting.exports import TEXT, Column
from photos.models import Finding

_codes = Finding.objects.of_image(OuterRef("pk")).values("code")
# Codes with blanks between them; null without any.
_text = Func(ArraySubquery(_codes), Value(" "), function="array_to_string", output_field=TextField())
FINDINGS_OF_IMAGE = Column("findings", Func(_text, Value(""), function="nullif", output_field=TextField()), TEXT)
