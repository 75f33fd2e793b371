"""An answer to an exercise is taken in its form, or the reader is told what it is instead."""

import numpy as np
import pytest
import torch

from inst_tutorial.exercises import expect
from inst_tutorial.words import Word

ROW = torch.zeros(3)
NO_RETURN = "None. Is a `return` missing?"


@pytest.mark.parametrize(
    ("answer", "like", "taken"),
    [
        (3, 0, 3),
        (torch.tensor(3.0), 0, 3),
        (np.float64(0.5), 0.0, 0.5),
        (np.array(0.5), 0.0, 0.5),
        (2, 0.0, 2.0),
        ([torch.tensor(1.0), 2], (0.0, 0.0), (1.0, 2.0)),
        (np.array([1.0, 2.0]), (0.0, 0.0), (1.0, 2.0)),
        (torch.tensor([1.0, 2.0, 3.0]), [0.0], [1.0, 2.0, 3.0]),
        ([], [0.0], []),
        ("a cat", "", "a cat"),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_an_answer_is_taken_in_the_form_of_the_example(answer, like, taken):
    found = expect(answer, like)
    assert found == taken and type(found) is type(taken)
    if isinstance(found, tuple | list):
        assert [type(one) for one in found] == [type(one) for one in taken]


def test_a_tensor_is_taken_with_the_dtype_of_the_example_and_without_its_gradient():
    found = expect(torch.ones(3, dtype=torch.float64, requires_grad=True), like=ROW)
    assert torch.equal(found, torch.ones(3)) and not found.requires_grad


@pytest.mark.parametrize(
    ("answer", "like", "said"),
    [
        (None, 0, f"a whole number, but it is {NO_RETURN}"),
        (0.5, 0, "a whole number, but it is the number 0.5."),
        (float("nan"), 0, "a whole number, but it is the number nan."),
        (ROW, 0.0, "a number, but it is a tensor of shape (3,)."),
        ([1.0], 0.0, "a number, but it is a list of 1 values."),
        (None, ROW, f"a tensor of shape (3,), but it is {NO_RETURN}"),
        ([0.0, 0.0, 0.0], ROW, "a tensor of shape (3,), but it is a list of 3 values."),
        (np.zeros(3), ROW, "a tensor of shape (3,), but it is of the class ndarray."),
        (torch.zeros(3, 1), ROW, "a tensor of shape (3,), but it is a tensor of shape (3, 1)."),
        ((1.0, 2.0, 3.0), (0.0, 0.0), "2 values in a tuple, but it is a tuple of 3 values."),
        (7, [0.0], "a list, but it is the number 7."),
        (ROW, "", "a text, but it is a tensor of shape (3,)."),
        ("a cat", Word(torch.zeros(1, 3)), "of the class Word, but it is of the class str."),
    ],
)
def test_an_answer_of_another_kind_is_named(answer, like, said):
    with pytest.raises(AssertionError) as error:
        expect(answer, like)
    assert str(error.value) == f"The answer must be {said}"


def test_a_wrong_value_in_a_list_is_named_by_its_place():
    with pytest.raises(AssertionError, match=r"^The answer\[1\] must be a number, but it is None"):
        expect([0.5, None], like=[0.0])
    with pytest.raises(AssertionError, match=r"^The group\[0\] must be a text, but it is the num"):
        expect([3], like=[""], what="The group")
