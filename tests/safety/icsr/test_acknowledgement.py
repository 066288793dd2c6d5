"""The answer of an authority to a message (ICS-03)."""

import pytest

from safety.icsr.acknowledgement import acknowledgement_of
from safety.icsr.answers import NotReadable
from tests.support.oracles import oracle

ANSWER = """<MCCI_IN200101UV01 xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id extension="A-1" root="2.16.840.1.113883.3.989.2.1.3.20"/><creationTime value="20260915130000+0000"/>
<MCCI_IN000002UV01><id extension="L-9" root="2.16.840.1.113883.3.989.2.1.3.19"/>
<acknowledgement typeCode="{message}"><targetMessage>
<id extension="BE-STROMA-00001" root="2.16.840.1.113883.3.989.2.1.3.1"/></targetMessage>
<acknowledgementDetail><text>E.i.7 is missing</text></acknowledgementDetail></acknowledgement></MCCI_IN000002UV01>
<acknowledgement typeCode="{batch}"><targetBatch>
<id extension="B-1" root="2.16.840.1.113883.3.989.2.1.3.22"/></targetBatch>
<acknowledgementDetail><text>Read</text></acknowledgementDetail></acknowledgement></MCCI_IN200101UV01>"""


def answer(*, batch: str, message: str) -> bytes:
    return ANSWER.format(batch=batch, message=message).encode()


def test_a_positive_answer_is_accepted():
    found = acknowledgement_of(answer(batch="AA", message="CA"))
    assert found.accepted
    assert (found.number, found.batch_number, found.sent) == ("A-1", "B-1", "20260915130000+0000")
    assert [message.case_number for message in found.messages] == ["BE-STROMA-00001"]


@pytest.mark.parametrize(("batch", "message"), [("AE", "CR"), ("AR", "CR"), ("AA", "CR"), ("AE", "CA")])
def test_an_answer_with_an_error_is_not_accepted_and_says_why(batch, message):
    found = acknowledgement_of(answer(batch=batch, message=message))
    assert not found.accepted
    assert found.code == batch
    assert [(each.code, each.words) for each in found.messages] == [(message, "E.i.7 is missing")]


@pytest.mark.parametrize(("batch", "message"), [("XX", "CA"), ("AA", "YY"), ("", "CA")])
def test_an_unknown_code_is_refused(batch, message):
    with pytest.raises(NotReadable):
        acknowledgement_of(answer(batch=batch, message=message))


def test_the_message_itself_is_no_answer():
    with pytest.raises(NotReadable):
        acknowledgement_of(b'<MCCI_IN200100UV01 xmlns="urn:hl7-org:v3"/>')


def test_the_sample_of_an_authority_is_read():
    found = acknowledgement_of(oracle("e2b/samples/R3ack-positive.ack").read_bytes())
    assert found.accepted
    assert (found.code, found.batch_number) == ("AA", "FAERS2022Scenario1-4069-a2dd-08002b30309d")
    assert [(each.code, each.words) for each in found.messages] == [("CA", "Report Loaded Successfully")]
