"""What the exceptions of models mean, of which libraries tell only by their texts."""

# PyTorch, CUDA, cuBLAS and cuDNN, onnxruntime (its issue 16307), C++.
_OUT_OF_MEMORY = ("out of memory", "outofmemory", "alloc_failed", "failed to allocate", "bad_alloc", "bad allocation")
# After these, no call of the process works any more: CUDA's context is lost.
_PROCESS_IS_LOST = (
    "device-side assert",
    "illegal memory access",
    "illegal instruction was encountered",
    "misaligned address",
    "unspecified launch failure",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a smaller batch may fit."""
    return isinstance(error, MemoryError) or _says(error, _OUT_OF_MEMORY)


def is_process_lost(error: BaseException) -> bool:
    """Whether the model works again only in another process."""
    return _says(error, _PROCESS_IS_LOST)


def _says(error: BaseException, texts: tuple[str, ...]) -> bool:
    said = f"{type(error).__name__} {error}".lower()
    return any(text in said for text in texts)
