# SPDX-License-Identifier: Apache-2.0
"""A broken or hostile API is a gap with one clear sentence; the rest is judged; nothing hangs."""

import itertools
import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.faults import hostile
from tests.faults.hostile import AUTH, SERVER, SERVERS, VERSIONS, Behaviour, HostileCloud
from tests.faults.process import Ended, day2

SECONDS_MAX = 30
RSS_MIB_MAX = 400
JUDGED = "compute.service.disabled:service:nova-compute@c1"
HTML_SAID = r"the answer is HTML or XML, not JSON"
ENDLESS = r"larger than 64 MiB"
LATE = r"still arriving after 1\.5 s"
NOT_JSON = "not what this API promises"

# What the list of servers answers, and what the gap must say.
LISTS: dict[str, tuple[Behaviour, str]] = {
    "HTML for JSON": (hostile.html(), HTML_SAID),
    "HTML with 500": (hostile.html(status=500), "HTTP 500"),
    "HTML with 502": (hostile.html(status=502), "HTTP 502"),
    "503": (hostile.document({"message": "away"}, status=503), "HTTP 503"),
    "429": (hostile.document({"over": {"message": "slow down"}}, status=429), r"429 \(slow down\)"),
    "an empty body": (hostile.reply(""), "the answer is empty"),
    "a truncated body": (hostile.truncated('{"servers": [{"id": "a"'), "breaks off"),
    "a body shorter than its JSON": (hostile.reply('{"servers": [{"id"'), NOT_JSON),
    "a reset": (hostile.reset, "the connection was reset"),
    "a closed connection": (hostile.hang_up, "closed without an answer"),
    "silence": (hostile.silent, "no answer in time"),
    "not HTTP": (lambda _asked, wire: wire.send(b"SSH-2.0-OpenSSH\r\n"), "not HTTP"),
    "a header line of 10 MB": (hostile.header_of(10), "a header line without end"),
    "headers without end": (hostile.headers_many, "headers without end"),
    "a slow drip of headers": (hostile.drip_headers, "no answer in time"),
    "a slow drip of the body": (hostile.drip_body, LATE),
    "a slow drip of chunks": (hostile.drip_chunks, LATE),
    "a body without end": (hostile.flood, ENDLESS),
    "a gzip bomb": (hostile.gzip_bomb(500), ENDLESS),
    "bytes that are not gzip": (
        hostile.reply(b"{}", headers={"Content-Encoding": "gzip"}),
        "packed wrongly",
    ),
    "nesting": (hostile.nested(), NOT_JSON),
    "nesting in a row": (
        hostile.reply('{"servers": [' + '{"id": ' * 100_000 + "}" * 100_000 + "]}"),
        "more than 2,000 objects",
    ),
    "a list where an object belongs": (hostile.document([]), NOT_JSON),
    "null for the list": (hostile.document({"servers": None}), NOT_JSON),
    "no list": (hostile.document({"server": []}), NOT_JSON),
    "wrong types in a row": (
        hostile.document({"servers": [{"id": {"a": 1}, "status": []}, SERVER]}),
        "1 row is not what",
    ),
    "null where never null": (
        hostile.document({"servers": [{"id": "x", "status": None}, SERVER]}),
        "1 row is not what",
    ),
    "a huge integer for an id": (hostile.reply('{"servers": [{"id": 1' + "0" * 5000 + "}]}"), ""),
    "a huge exponent": (hostile.reply('{"servers": [{"id": 1e999999999}]}'), "not what"),
    "invalid UTF-8": (hostile.reply(b'{"servers": [{"id": "\xff\xfe"}]}'), NOT_JSON),
    "a date that is none": (
        hostile.document({"servers": [{**SERVER, "created": "yesterday"}]}),
        "1 row is not what",
    ),
    "the same page for ever": (hostile.same_page_for_ever("servers", SERVER), "without end"),
    "a page that names itself": (
        hostile.document(
            {
                "servers": [SERVER],
                "servers_links": [{"rel": "next", "href": f"{SERVERS}?marker=x"}],
            }
        ),
        "without end|already read",
    ),
    "new rows for ever": (hostile.new_ids_for_ever("servers", SERVER), "more than 2,000 rows"),
    "a next page without a marker": (
        hostile.document(
            {"servers": [SERVER], "servers_links": [{"rel": "next", "href": "http://["}]}
        ),
        "next page",
    ),
    "401 in the middle": (hostile.refused_on_page_two("servers", SERVER), r"401 \(token expired\)"),
    "a redirect loop": (hostile.redirect(SERVERS), "redirected more than 5 times"),
    "a redirect to a stranger": (
        hostile.redirect("http://stranger.invalid/servers"),
        r"redirected to another place \(stranger\.invalid\)",
    ),
    "a redirect to nowhere": (hostile.redirect("http://[", status=301), "servers: "),
    "a teapot": (hostile.document({}, status=418), "HTTP 418"),
}

# What the token request answers: without a token nothing is read, and the process still ends well.
TOKENS: dict[str, tuple[Behaviour, str]] = {
    "HTML for JSON": (hostile.html(), HTML_SAID),
    "503": (hostile.html(status=503), "HTTP 503"),
    "an empty body": (hostile.reply("", status=201), "is empty"),
    "an empty object": (hostile.document({}), "holds no token"),
    "no token header": (hostile.document({"token": {"catalog": []}}), "holds no token"),
    "no catalogue": (
        hostile.reply('{"token": {"catalog": null}}', headers=hostile.TOKEN_HEADERS),
        "no readable catalogue",
    ),
    "a token of nonsense": (
        hostile.reply('{"token": [[]]}', headers=hostile.TOKEN_HEADERS),
        "identity at ",
    ),
    "a catalogue of nonsense": (
        hostile.reply('{"token": {"catalog": [7]}}', headers=hostile.TOKEN_HEADERS),
        "identity at ",
    ),
    "nesting": (hostile.nested(), "nested without end|holds no token"),
    "silence": (hostile.silent, "no answer in time"),
    "a slow drip of headers": (hostile.drip_headers, "no answer in time"),
    "a slow drip of the body": (hostile.drip_body, LATE),
    "a body without end": (hostile.flood, "larger than 4 MiB"),
    "a gzip bomb": (hostile.gzip_bomb(500), "larger than 4 MiB"),
    "a header line of 10 MB": (hostile.header_of(10), "a header line without end"),
    "a reset": (hostile.reset, "the connection was reset"),
    "a refusal": (hostile.document({"error": {"message": "no"}}, status=401), "was refused"),
    "a redirect": (hostile.redirect("http://stranger.invalid/"), "redirected"),
}


def surveyed(folder: Path, cloud: HostileCloud, limits: dict[str, str] | None = None) -> Ended:
    ended = day2(
        folder,
        *("round", "daily", "-f", "json"),
        config=cloud.settings(folder),
        limits=limits,
        seconds=SECONDS_MAX,
    )
    assert ended.seconds < SECONDS_MAX
    assert ended.code in {10, 11, 12, 21}, ended.stderr
    assert ended.rss_mib <= RSS_MIB_MAX
    assert "Traceback" not in ended.stderr
    said = ended.stdout + ended.stderr
    assert hostile.PASSWORD not in said
    assert hostile.TOKEN not in said
    return ended


def critical(ended: Ended) -> list[str]:
    return [key for key, severity in ended.findings.items() if severity == "critical"]


def test_the_untouched_cloud_has_its_finding_and_no_gap(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        ended = surveyed(tmp_path, cloud)
    assert ended.gaps == {}
    assert ended.findings[JUDGED] == "warning"
    assert "critical" not in ended.findings.values()
    assert ended.code == 10
    assert ended.stderr == ""


@pytest.mark.parametrize("name", LISTS)
def test_a_broken_list_is_one_gap_and_the_rest_is_judged(name: str, tmp_path: Path) -> None:
    behaviour, sentence = LISTS[name]
    with hostile.running() as cloud:
        cloud.plant(SERVERS, behaviour)
        # Projects of servers that were read before the failure are asked for their quotas.
        cloud.plant("/compute/v2.1/os-quota-sets/p1/detail", hostile.document({"quota_set": {}}))
        ended = surveyed(tmp_path, cloud)
    # Quotas are asked of those projects that have servers, faults of those servers in ERROR.
    assert set(ended.gaps) == {"servers", "quotas", "server_faults"}
    message = ended.gaps["servers"]["message"]
    assert re.search(sentence, message), message
    assert message.startswith("servers: ")
    assert len(message) <= 300
    assert message.isprintable()
    assert ended.findings[JUDGED] == "warning"
    assert ended.code == 12


@pytest.mark.parametrize("name", TOKENS)
def test_without_a_token_the_round_ends_and_says_why(name: str, tmp_path: Path) -> None:
    behaviour, sentence = TOKENS[name]
    with hostile.running() as cloud:
        cloud.plant(AUTH, behaviour)
        ended = surveyed(tmp_path, cloud)
    message = ended.gaps["tokens"]["message"]
    assert re.search(sentence, message), message
    assert len(message) <= 300
    assert critical(ended) == ["identity.token.failed:service:identity"]
    assert ended.code == (21 if name == "a refusal" else 11)
    # One request, whatever waits for the token; a broken Keystone is not asked fifty times.
    assert sum(asked.path == AUTH for asked in cloud.asked) == 1


def test_duplicate_keys_are_one_row(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        rows = '{"servers": [{"id": "a", "id": "b", "status": "ACTIVE", "status": "ERROR"}]}'
        cloud.plant(SERVERS, hostile.reply(rows))
        ended = surveyed(tmp_path, cloud)
    assert "servers" not in ended.gaps


def test_a_secret_in_what_a_service_says_is_neither_shown_nor_kept(tmp_path: Path) -> None:
    said = (
        "DBConnectionError: mysql+pymysql://nova:planted1@db/nova, also known as Planted-2-Planted"
    )
    fault = {"code": 500, "message": said, "created": "2020-01-01T00:00:00Z"}
    with hostile.running() as cloud:
        row = {"id": "a", "status": "ERROR", "name": "web", "fault": fault}
        cloud.plant(SERVERS, hostile.document({"servers": [row]}))
        (tmp_path / "passwords.yml").write_text("nova_password: Planted-2-Planted\n")
        config = cloud.settings(tmp_path)
        tree = YAML(typ="safe").load(config.read_text())
        for one in tree["clouds"].values():
            one["kolla"] = {"config_dir": str(tmp_path)}
        YAML().dump(tree, config)
        ended = day2(tmp_path, *("round", "daily"), config=config, seconds=SECONDS_MAX)
        kept = day2(
            tmp_path, *("finding", "list", "-f", "json"), config=config, seconds=SECONDS_MAX
        )
    for words in (ended.stdout, kept.stdout):
        assert "DBConnectionError: mysql+pymysql://nova:***@db/nova" in words.replace("\n    ", " ")
        assert "lanted" not in words


@pytest.mark.parametrize("other", ["", "/elsewhere"])
def test_two_regions_are_never_read_as_one(other: str, tmp_path: Path) -> None:
    with hostile.running() as cloud:
        told = json.loads(hostile.token(cloud.url))
        for service in told["token"]["catalog"]:
            if service["type"] == "network":
                service["endpoints"] += [
                    {
                        **one,
                        "region_id": "RegionTwo",
                        "region": "RegionTwo",
                        "url": one["url"] + other,
                    }
                    for one in service["endpoints"]
                ]
        cloud.plant(AUTH, hostile.reply(json.dumps(told), headers=hostile.TOKEN_HEADERS))
        config = cloud.settings(tmp_path)
        accounts = tmp_path / "clouds.yaml"
        tree = json.loads(accounts.read_text())
        del tree["clouds"]["hostile"]["region_name"]
        accounts.write_text(json.dumps(tree))
        ended = day2(
            tmp_path, *("health", "check", "-f", "json"), config=config, seconds=SECONDS_MAX
        )
    assert ("ports" in ended.gaps) is bool(other)
    assert "compute_services" not in ended.gaps
    if other:
        said = "network is in several regions, and none is named: RegionOne, RegionTwo"
        assert said in ended.gaps["ports"]["message"]


@pytest.mark.parametrize("form", ["text", "table", "csv", "value", "json", "yaml"])
def test_a_name_that_steers_terminals_does_so_in_no_format(form: str, tmp_path: Path) -> None:
    name = "web\x1b]0;owned\x07\x9b2J\u202egnp"
    with hostile.running() as cloud:
        row = {"id": "a", "status": "ERROR", "name": name, "updated": "2020-01-01T00:00:00Z"}
        cloud.plant(SERVERS, hostile.document({"servers": [row]}))
        ended = day2(
            tmp_path,
            *("health", "check", "-f", form),
            config=cloud.settings(tmp_path),
            seconds=SECONDS_MAX,
        )
    assert "web" in ended.stdout
    assert not {c for c in ended.stdout + ended.stderr if not c.isprintable()} - {"\n", "\r"}
    if form in {"json", "yaml"}:
        found = YAML(typ="safe").load(ended.stdout)
        assert name in {f["subject"].get("name") for f in found["findings"]}


def test_a_broken_version_document_is_a_gap_of_that_service_only(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        cloud.plant(VERSIONS, hostile.html())
        ended = surveyed(tmp_path, cloud)
    compute = {"compute_services", "servers", "hypervisors", "flavors", "aggregates"}
    assert compute <= set(ended.gaps)
    assert not {"agents", "ports", "volumes", "images", "users"} & set(ended.gaps)
    assert ended.code == 12


def test_a_service_that_sends_every_answer_slowly_is_let_alone(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        for path in cloud.service_paths("network"):
            cloud.plant(path, hostile.drip_headers)
        ended = surveyed(tmp_path, cloud)
    assert {"agents", "ports", "networks"} <= set(ended.gaps)
    assert not {"servers", "volumes", "images", "users"} & set(ended.gaps)
    assert ended.findings[JUDGED] == "warning"
    asked = sum(asked.path.startswith("/network/v2.0") for asked in cloud.asked)
    assert asked <= 6


def test_large_answers_of_all_services_at_once_fit_into_memory(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        for service in hostile.PREFIXES:
            for path in cloud.service_paths(service):
                if path != AUTH:
                    cloud.plant(path, hostile.gzip_bomb(60))
        ended = surveyed(tmp_path, cloud)
    assert {"agents", "servers", "volumes", "images", "users"} <= set(ended.gaps)


def test_endless_paging_within_the_default_limits_fits_into_memory(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        cloud.plant(SERVERS, hostile.new_ids_for_ever("servers", SERVER, rows=5000))
        limits = {"DAY2_SURVEY__SECONDS_MAX": "25", "DAY2_LOAD__KIND_SECONDS_MAX": "20"}
        ended = surveyed(tmp_path, cloud, limits)
    assert "servers" in ended.gaps


def test_a_flood_of_empty_rows_fits_into_memory(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        cloud.plant(SERVERS, hostile.reply('{"servers":[' + "{}," * 10_000_000 + "{}]}"))
        ended = surveyed(tmp_path, cloud, {})
    assert "objects" in ended.gaps["servers"]["message"]


@pytest.mark.parametrize("way", ["next page", "redirect", "redirected version document"])
def test_the_token_never_goes_to_a_stranger(way: str, tmp_path: Path) -> None:
    with hostile.running() as cloud, hostile.running() as stranger:
        # Another name of the same machine: to the client, another host.
        url = f"http://localhost:{stranger.port}/compute/v2.1"
        match way:
            case "next page":
                cloud.plant(SERVERS, hostile.next_page_at(url, "servers", SERVER))
            case "redirect":
                cloud.plant(SERVERS, hostile.redirect(f"{url}/servers/detail"))
            case _:
                cloud.plant(VERSIONS, hostile.redirect(f"{url}/"))
        surveyed(tmp_path, cloud)
        assert stranger.asked == []
        if way == "next page":
            pages = [asked for asked in cloud.asked if asked.path == SERVERS]
            assert [page.query.get("marker") for page in pages] == [None, "2"]


def test_credentials_never_follow_a_redirect(tmp_path: Path) -> None:
    with hostile.running() as cloud, hostile.running() as stranger:
        for status in (301, 302, 307, 308):
            target = f"http://127.0.0.1:{stranger.port}{AUTH}"
            cloud.plant(AUTH, hostile.redirect(target, status=status))
            surveyed(tmp_path, cloud)
        assert stranger.asked == []


def test_a_token_that_expires_in_the_middle_is_renewed_once(tmp_path: Path) -> None:
    refusals = itertools.count()

    def once(asked: hostile.Asked, wire: hostile.Wire) -> None:
        first = next(refusals) == 0
        body = {"error": {"message": "expired"}} if first else {"servers": [SERVER]}
        hostile.document(body, status=401 if first else 200)(asked, wire)

    with hostile.running() as cloud:
        cloud.plant(SERVERS, once)
        cloud.plant("/compute/v2.1/os-quota-sets/p1/detail", hostile.document({"quota_set": {}}))
        ended = surveyed(tmp_path, cloud)
    assert ended.gaps == {}
    assert sum(asked.path == AUTH for asked in cloud.asked) == 2


def test_services_that_refuse_every_token_do_not_flood_keystone(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        for service in hostile.PREFIXES:
            for path in cloud.service_paths(service):
                if path != AUTH and path.count("/") > 2:
                    cloud.plant(path, hostile.document({"error": {"message": "no"}}, status=401))
        ended = surveyed(tmp_path, cloud)
    assert ended.gaps["servers"]["error"] == "Denied"
    assert sum(asked.path == AUTH for asked in cloud.asked) <= 4


def test_a_stopped_keystone_is_one_critical_finding_and_gaps(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        config = cloud.settings(tmp_path)
    # The port is closed from here on.
    ended = day2(tmp_path, "round", "daily", "-f", "json", config=config, seconds=SECONDS_MAX)
    assert critical(ended) == ["api.down:service:identity"]
    folded = [finding["key"] for finding in ended.document["folded"]]
    assert folded == ["identity.token.failed:service:identity"]
    assert {"tokens", "servers", "agents", "volumes", "api_probes"} <= set(ended.gaps)
    assert ended.code == 11


def test_a_stopped_service_is_one_critical_finding_and_gaps(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        catalogue = hostile.token(cloud.url).replace(f"{cloud.url}/network", "http://127.0.0.1:9")
        cloud.plant(AUTH, hostile.reply(catalogue, headers=hostile.TOKEN_HEADERS))
        ended = surveyed(tmp_path, cloud)
    assert critical(ended) == ["api.down:service:network"]
    assert {"agents", "networks", "ports"} <= set(ended.gaps)
    # However long the URL is that the library repeats before it comes to the point.
    assert ended.gaps["ports"]["message"] == "ports: connection refused"
    assert not {"servers", "volumes", "images", "api_probes"} & set(ended.gaps)
    assert ended.code == 11


def test_no_probe_carries_a_token(tmp_path: Path) -> None:
    with hostile.running() as cloud:
        surveyed(tmp_path, cloud)
    probes = [a for a in cloud.asked if a.path == "/network/" and a.method == "GET"]
    assert len(probes) == 1
    assert all("x-auth-token" not in probe.headers for probe in probes)


def test_a_list_that_is_cut_without_a_word_is_a_gap(tmp_path: Path) -> None:
    """An account without the whole view gets 200 and its own part: the witness tells."""
    with hostile.running() as cloud:
        reader = hostile.token(cloud.url).replace('"name": "admin"', '"name": "reader"')
        assert '"reader"' in reader
        cloud.plant(AUTH, hostile.reply(reader, headers=hostile.TOKEN_HEADERS))
        cloud.plant("/network/v2.0/quotas", hostile.document({"e": {"message": "no"}}, status=403))
        ended = surveyed(tmp_path, cloud)
    assert {"agents", "ports", "networks"} <= set(ended.gaps)
    assert "only a part" in ended.gaps["ports"]["message"]
    assert "servers" not in ended.gaps
