"""What can go wrong, each with its own name. Every message says what to do.

All are subclasses of `XaiError`, which is a `ValueError`: `except ValueError` catches them, and so does
`except xai_helpers.XaiError`.
"""


class XaiError(ValueError):
    """The base of every error that this package raises on bad input."""


class EmptyTextError(XaiError):
    """The text has no character, or nothing but blanks, or no token."""


class NotOneTextError(XaiError):
    """Something other than one string was given where one text is expected."""


class TextTooLongError(XaiError):
    """The text has more tokens than the model has positions."""


class UnknownTargetError(XaiError):
    """The target names no label or token of the model."""


class MultiTokenTargetError(UnknownTargetError):
    """The target is a word that the tokenizer cuts into several tokens."""


class TargetRangeError(UnknownTargetError):
    """The target's id or position lies outside the model's classes, vocabulary or text."""


class TargetNotUsedError(XaiError):
    """A target was given to a method that explains no particular output."""


class MaskError(XaiError):
    """A masked language model needs exactly one mask token in the text."""


class MissingTokenizerError(XaiError):
    """The model comes without a tokenizer, or with one that reports no character offsets."""


class NoHeadError(XaiError):
    """The model ends at its hidden states: there is no prediction to explain."""


class EncoderDecoderError(XaiError):
    """Encoder-decoder models are out of scope."""


class UnsupportedArchitectureError(XaiError):
    """The model's family, or its kind of head, is not one that this package knows."""


class ModelNotFoundError(XaiError):
    """No embedded model, no folder and no reachable hub repository has this name."""


class NotAModelError(XaiError):
    """The folder holds no model."""


class NonFiniteError(XaiError):
    """The model's output, or a score, is NaN or infinite."""


class LayerRangeError(XaiError):
    """The model has no such layer."""


class HeadRangeError(XaiError):
    """The model has no such attention head."""


class AlignmentError(XaiError):
    """Two texts that are compared token by token have different numbers of tokens."""


class OptionError(XaiError):
    """An option's value makes no sense for the method."""


class ToleranceError(XaiError):
    """The gap that was allowed is not met with as many steps as are tried."""


class UnknownMethodError(XaiError):
    """No method of this name is in the registry, or it is not implemented yet."""


class NoMatrixError(XaiError):
    """The attribution holds one score per unit and no token-by-token matrix."""


class FormatError(XaiError):
    """A file or a string does not hold what it should: an attribution, a comparison, cases, marks, a board."""


class InstallationError(XaiError):
    """A library that the course needs is missing or out of bounds, and could not be installed."""


class ServiceError(XaiError):
    """A service can't be reached, refuses, or answers in another form than it should.

    status: what it answered with, or None where no answer came.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class BackendError(ServiceError):
    """A language model that was asked gives no answer: it can't be reached, refuses, or answers in another form."""


class AnswerError(XaiError):
    """What a language model answered is not the JSON that it was asked for."""
