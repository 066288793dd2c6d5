"""Read the acknowledgement of a message, `MCCI_IN200101UV01`: accepted or rejected, and why (ICS-03)."""

from safety.icsr import codes
from safety.icsr.answers import (
    BATCH_ACCEPTED,
    BATCH_REJECTED,
    BATCH_WITH_ERRORS,
    MESSAGE_ACCEPTED,
    MESSAGE_REFUSED,
    BatchAcknowledgement,
    MessageAcknowledgement,
    NotReadable,
)
from safety.icsr.nodes import Node, all_of, attribute_at, text_at
from safety.icsr.reading import parsed


def acknowledgement_of(content: bytes) -> BatchAcknowledgement:
    """Return the acknowledgement of a file. Raises NotReadable for another file or an unknown code."""
    root = parsed(content, "MCCI_IN200101UV01")
    found = BatchAcknowledgement(
        number=attribute_at(root, "h:id", "extension"),
        sender=_device(root, "sender"),
        receiver=_device(root, "receiver"),
        sent=attribute_at(root, "h:creationTime", "value"),
        batch_number=attribute_at(root, "h:acknowledgement/h:targetBatch/h:id", "extension"),
        local_number=_attention(root, "2", "extension"),
        batch_sent=_attention(root, "3", "value"),
        code=attribute_at(root, "h:acknowledgement", "typeCode"),
        words=text_at(root, "h:acknowledgement/h:acknowledgementDetail/h:text"),
        messages=tuple(_message(each) for each in all_of(root, "h:MCCI_IN000002UV01")),
    )
    if found.code not in (BATCH_ACCEPTED, BATCH_WITH_ERRORS, BATCH_REJECTED):
        raise NotReadable(f"ACK.A.4 {found.code}")
    return found


def _message(found: Node) -> MessageAcknowledgement:
    made = MessageAcknowledgement(
        case_number=attribute_at(found, "h:acknowledgement/h:targetMessage/h:id", "extension"),
        receiver_number=attribute_at(found, "h:id", "extension"),
        receiver=_device(found, "receiver"),
        sender=_device(found, "sender"),
        created=_attention(found, "1", "value"),
        code=attribute_at(found, "h:acknowledgement", "typeCode"),
        words=text_at(found, "h:acknowledgement/h:acknowledgementDetail/h:text"),
    )
    if made.code not in (MESSAGE_ACCEPTED, MESSAGE_REFUSED):
        raise NotReadable(f"ACK.B.r.6 {made.code}")
    return made


def _device(parent: Node, tag: str) -> str:
    return attribute_at(parent, f"h:{tag}/h:device/h:id", "extension")


def _attention(parent: Node, number: str, name: str) -> str:
    path = f"h:attentionLine[h:keyWordText[@code='{number}'][@codeSystem='{codes.LIST}.24']]/h:value"
    return attribute_at(parent, path, name)
