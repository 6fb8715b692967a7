"""Error pages in plain words."""

import pytest
from django.db import connection
from django.test import Client


@pytest.mark.django_db
def test_a_missing_page_says_what_to_do(client: Client) -> None:
    answer = client.get("/there/is/no/such/page")
    assert answer.status_code == 404
    assert "There is no such page" in answer.content.decode()
    assert "begin at the start page" in answer.content.decode()
