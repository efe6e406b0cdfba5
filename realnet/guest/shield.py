"""Start the guest kernel so that it works on a processor with wide registers. A program of its own: it becomes the
kernel.

The guest keeps its programs' floating-point registers through ptrace(2), and there are two ways to ask for them: all
(`PTRACE_GETREGSET`, NT_X86_XSTATE), or the oldest 512 bytes, x87 and SSE. A kernel of 2022 asks for all, with room for
832 bytes. A processor with AVX-512 or AMX has more; then asking succeeds, putting back fails, and the guest dies at its
first program. If asking fails too, it takes the second way from the start. So a filter (seccomp(2)) lets it fail.

What the second way does not keep is lost at a page fault: the upper halves of the AVX registers. The compiler's
ordinary code for x86-64 does not use them, but the C library does where the processor has them, and is told not to by
GLIBC_TUNABLES. Without that a `memcpy` that meets a fresh page copies zeros, sixteen bytes of each thirty-two.

And the kernel is to end with whoever started it, whatever happens to them: PR_SET_PDEATHSIG.

Run as ``python shield.py KERNEL ARGUMENT…``; needs only the standard library.

Not here: the guest's command line (__init__.py).
"""

import ctypes
import os
import signal
import struct
import sys

PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
_SECCOMP_MODE_FILTER = 2
_PTRACE, _PTRACE_GETREGSET, _PTRACE_SETREGSET = 101, 0x4204, 0x4205
_EIO = 5
_CALL_AT, _ARCHITECTURE_AT, _REQUEST_AT = 0, 4, 16  # struct seccomp_data
_X86_64 = 0xC000003E
_LOAD, _IF_EQUAL, _RETURN = 0x20, 0x15, 0x06  # classic BPF: BPF_LD+BPF_W+BPF_ABS, BPF_JMP+BPF_JEQ+BPF_K, BPF_RET+BPF_K
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_INSTRUCTION = struct.Struct("=HBBI")


class _Program(ctypes.Structure):
    """struct sock_fprog"""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def filter_program() -> bytes:
    """ptrace(PTRACE_GETREGSET or PTRACE_SETREGSET) of a 64-bit program fails with EIO; anything else is allowed."""
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_IF_EQUAL, 0, 6, _X86_64),
        (_LOAD, 0, 0, _CALL_AT),
        (_IF_EQUAL, 0, 4, _PTRACE),
        (_LOAD, 0, 0, _REQUEST_AT),
        (_IF_EQUAL, 1, 0, _PTRACE_GETREGSET),
        (_IF_EQUAL, 0, 1, _PTRACE_SETREGSET),
        (_RETURN, 0, 0, _FAIL | _EIO),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(_INSTRUCTION.pack(*step) for step in steps)


def _prctl(*arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*arguments, *[0] * (5 - len(arguments))) < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(command: list[str]) -> None:
    """Become the kernel. Does not return; OSError if this machine does not allow it."""
    code = filter_program()
    program = _Program(len(code) // _INSTRUCTION.size, code)
    _prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL))
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program))
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.exit(f"{sys.argv[1]} could not be started: {error.strerror}")
