"""The answer of an authority to a batch of messages, as it was read; nothing here reads XML."""

from dataclasses import dataclass


class NotReadable(ValueError):
    """The file is no message that can be read. Its argument says what is wrong."""


# ACK.A.4: the batch was read in full, with errors in some messages, or not at all.
BATCH_ACCEPTED, BATCH_WITH_ERRORS, BATCH_REJECTED = "AA", "AE", "AR"
# ACK.B.r.6: the message was loaded, or refused.
MESSAGE_ACCEPTED, MESSAGE_REFUSED = "CA", "CR"


@dataclass(frozen=True, kw_only=True)
class MessageAcknowledgement:
    """ACK.B.r: the answer to one message."""

    case_number: str  # ACK.B.r.1
    receiver_number: str = ""  # ACK.B.r.2
    receiver: str = ""  # ACK.B.r.3
    sender: str = ""  # ACK.B.r.4
    created: str = ""  # ACK.B.r.5
    code: str = ""  # ACK.B.r.6
    words: str = ""  # ACK.B.r.7

    @property
    def accepted(self) -> bool:
        """Return whether the authority loaded the report."""
        return self.code == MESSAGE_ACCEPTED


@dataclass(frozen=True, kw_only=True)
class BatchAcknowledgement:
    """ACK.M and ACK.A: the answer to a batch, with the answers to its messages."""

    number: str = ""  # ACK.M.1
    sender: str = ""  # ACK.M.2
    receiver: str = ""  # ACK.M.3
    sent: str = ""  # ACK.M.4
    batch_number: str = ""  # ACK.A.1
    local_number: str = ""  # ACK.A.2
    batch_sent: str = ""  # ACK.A.3
    code: str = ""  # ACK.A.4
    words: str = ""  # ACK.A.5
    messages: tuple[MessageAcknowledgement, ...] = ()

    @property
    def accepted(self) -> bool:
        """Return whether the batch and every message of it were accepted."""
        return self.code == BATCH_ACCEPTED and all(message.accepted for message in self.messages)
