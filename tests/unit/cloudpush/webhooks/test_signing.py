from __future__ import annotations

import pytest

from cloudpush.errors import ConfigurationWrong
from cloudpush.webhooks.signing import SigningKey, read_key, sign


def test_a_signature_is_that_of_standard_webhooks() -> None:
    # The example that the libraries of Standard Webhooks and Svix are tested by.
    key = read_key("2024-01", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    headers = sign(
        b'{"test": 2432232314}',
        webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        key=key,
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "webhook-key-id": "2024-01",
    }


def test_a_secret_without_prefix_is_taken_as_it_is() -> None:
    assert read_key("1", "s" * 24) == SigningKey("1", b"s" * 24)


@pytest.mark.parametrize("secret", ["", "s" * 23, "whsec_", "whsec_c2hvcnQ=", "whsec_#" + "s" * 40])
def test_a_weak_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigurationWrong) as raised:
        read_key("1", secret)

    assert not secret or secret not in str(raised.value)


def test_a_key_is_not_shown() -> None:
    assert repr(SigningKey("1", b"s" * 24)) == "SigningKey('1')"
