"""Is every specimen of the zoo measured as what it is? The proof's own files, without its watch on memory."""

import pytest

from proofs.images import LEAST_SPECIMENS, outcome
from proofs.zoo import specimens

ZOO = {specimen.name: specimen for specimen in specimens()}


def test_the_zoo_is_large_and_no_two_specimens_have_one_name():
    assert len(specimens()) == len(ZOO) >= LEAST_SPECIMENS


@pytest.mark.parametrize("name", ZOO)
def test_a_specimen_ends_as_it_should(name):
    specimen = ZOO[name]
    assert outcome(specimen, specimen.data(seed=1), "complete") in specimen.expected("complete")
