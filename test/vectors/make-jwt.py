"""Writes jwt.json: tokens that a policy must accept or refuse (F137), made by another implementation than the one under test.

    python3 test/vectors/make-jwt.py && npx biome format --write test/vectors/jwt.json    # needs `cryptography`; new keys each time

Times are fixed and far away, so that the vectors do not rot: what is valid ends in 2100, what is expired ended in 2023.
"""

import base64
import hashlib
import hmac
import json
import pathlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUED, PAST, FUTURE, END = 1_700_000_000, 1_700_000_060, 4_102_444_700, 4_102_444_800
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}

CLAIMS = {"iss": "https://id.example/", "aud": "api", "sub": "ada", "iat": ISSUED, "exp": END, "scope": "read write"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int | None = None) -> str:
    return b64(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def pem(key) -> str:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key, **members) -> dict:
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **members}
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers, size = public.public_numbers(), (public.curve.key_size + 7) // 8
        curve = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[public.curve.name]
        return {"kty": "EC", "crv": curve, "x": number(numbers.x, size), "y": number(numbers.y, size), **members}
    raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **members}


def sign(alg: str, key, data: bytes) -> bytes:
    if alg.startswith("HS"):
        return hmac.new(key, data, getattr(hashlib, "sha" + alg[2:])).digest()
    if alg.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), HASHES[alg[2:]])
    if alg.startswith("PS"):
        digest = HASHES[alg[2:]]
        return key.sign(data, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    if alg.startswith("ES"):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(HASHES[alg[2:]])))
        size = (key.curve.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    return key.sign(data)


def token(alg, key, claims=CLAIMS, header=None, *, header_text=None, claims_text=None, signed_as=None) -> str:
    head = header_text or json.dumps({"alg": alg, "typ": "JWT", **(header or {})})
    body = claims_text or json.dumps(claims)
    data = f"{b64(head.encode())}.{b64(body if isinstance(body, bytes) else body.encode())}"
    return f"{data}.{b64(sign(signed_as or alg, key, data.encode()))}"


RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)
EC = {alg: ec.generate_private_key(curve) for alg, curve in CURVES.items()}
ED = ed25519.Ed25519PrivateKey.generate()
SECRET = "a-secret-of-sixty-four-bytes-for-every-hash-0123456789abcdefghij"
assert len(SECRET) == 64

ENV = {"RSA": pem(RSA.public_key()), "WEAK_RSA": pem(WEAK_RSA.public_key()), "ED": pem(ED.public_key()),
       **{alg: pem(key.public_key()) for alg, key in EC.items()},
       "SECRET": SECRET, "SECRET_31": SECRET[:31], "SECRET_47": SECRET[:47], "EMPTY": "", "NO_PEM": "x"}

JWKS = {"keys": [jwk(RSA, kid="rsa", use="sig"), jwk(EC["ES256"], kid="ec", alg="ES256"), jwk(ED, kid="ed"),
                 jwk(WEAK_RSA, kid="weak"), jwk(RSA, kid="twice"), jwk(OTHER_RSA, kid="twice"),
                 jwk(OTHER_RSA, kid="enc", use="enc")]}
ONE_KEY = {"keys": [jwk(RSA)]}

cases = []


def case(name: str, policy: dict, text: str, accepted: bool = False) -> None:
    cases.append({"name": name, "policy": policy, "token": text, "accepted": accepted})


def public(alg: str, env: str) -> dict:
    return {"public_key_env": env, "algorithms": [alg]}


hs = {"secret_env": "SECRET", "algorithms": ["HS256"]}
rs = public("RS256", "RSA")
jwks = {"jwks": JWKS, "algorithms": ["RS256", "ES256", "EdDSA"]}
good = token("HS256", SECRET.encode())
good_rs = token("RS256", RSA)


def secret_token(claims=CLAIMS, **options) -> str:
    return token("HS256", SECRET.encode(), claims, **options)


# Every algorithm, with the key in fn.env.json and as a set.
for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]:
    case(f"{alg}", public(alg, "RSA"), token(alg, RSA), True)
for alg in EC:
    case(f"{alg}", public(alg, alg), token(alg, EC[alg]), True)
case("EdDSA", public("EdDSA", "ED"), token("EdDSA", ED), True)
for alg in ["HS256", "HS384", "HS512"]:
    case(f"{alg}", {"secret_env": "SECRET", "algorithms": [alg]}, token(alg, SECRET.encode()), True)
case("a secret without algorithms means HS256", {"secret_env": "SECRET"}, good, True)
case("a secret without algorithms does not mean HS512", {"secret_env": "SECRET"}, token("HS512", SECRET.encode()))
case("one of several algorithms", {"public_key_env": "RSA", "algorithms": ["RS256", "PS256"]}, token("PS256", RSA), True)
case("set: RSA by kid", jwks, token("RS256", RSA, header={"kid": "rsa"}), True)
case("set: EC by kid", jwks, token("ES256", EC["ES256"], header={"kid": "ec"}), True)
case("set: Ed25519 by kid", jwks, token("EdDSA", ED, header={"kid": "ed"}), True)
case("set: no kid, and one key fits", jwks, token("ES256", EC["ES256"]), True)
case("set of one key without kid", {"jwks": ONE_KEY, "algorithms": ["RS256"]}, good_rs, True)

# Which algorithm, which key.
UNSIGNED = b64(b'{"alg":"none"}') + "."
MODULUS = RSA.public_key().public_numbers().n.to_bytes(256, "big")
case("alg none without signature", rs, UNSIGNED + good_rs.split(".")[1] + ".")
for spelling in ["none", "None", "NONE", "nOnE", ""]:
    text = token(spelling, SECRET.encode(), signed_as="HS256")
    case(f"alg {spelling!r} with a signature", hs, text)
case("no alg", hs, token("", SECRET.encode(), header_text='{"typ":"JWT"}', signed_as="HS256"))
case("alg is a number", hs, token("", SECRET.encode(), header_text='{"alg":256}', signed_as="HS256"))
case("alg is a list", hs, token("", SECRET.encode(), header_text='{"alg":["HS256"]}', signed_as="HS256"))
case("alg in lower case", hs, token("hs256", SECRET.encode(), signed_as="HS256"))
case("the public key in PEM as HMAC secret", rs, token("HS256", ENV["RSA"].encode()))
case("the public key in PEM, trimmed, as HMAC secret", rs, token("HS256", ENV["RSA"].strip().encode()))
case("the modulus as HMAC secret", jwks, token("HS256", MODULUS, header={"kid": "rsa"}))
case("alg not listed: RS512", rs, token("RS512", RSA))
case("alg not listed: HS512", hs, token("HS512", SECRET.encode()))
case("alg that does not fit the key: ES256 with RSA", public("ES256", "RSA"), token("ES256", EC["ES256"]))
case("alg that does not fit the key: RS256 with EC", public("RS256", "ES256"), good_rs)
case("ES256 with a P-384 key", public("ES256", "ES384"), token("ES256", EC["ES384"]))
case("alg that does not fit the named key", jwks, token("ES256", EC["ES256"], header={"kid": "rsa"}))
case("header says RS256, signed as PS256", rs, token("RS256", RSA, signed_as="PS256"))
case("another key", rs, token("RS256", OTHER_RSA))
case("another secret", hs, token("HS256", SECRET[::-1].encode()))
case("an RSA key of 1024 bits", public("RS256", "WEAK_RSA"), token("RS256", WEAK_RSA))
case("set: an RSA key of 1024 bits", jwks, token("RS256", WEAK_RSA, header={"kid": "weak"}))
case("a secret of 31 bytes", {"secret_env": "SECRET_31"}, token("HS256", SECRET[:31].encode()))
case("a secret of 47 bytes for HS384", {"secret_env": "SECRET_47", "algorithms": ["HS384"]},
     token("HS384", SECRET[:47].encode()))
case("an empty secret", {"secret_env": "EMPTY"}, token("HS256", b""))
case("a secret that is not there", {"secret_env": "NOT_THERE"}, token("HS256", b""))
case("a secret that is not there, guessed", {"secret_env": "NOT_THERE"}, token("HS256", b"undefined"))
case("a public key that is not there", public("RS256", "NOT_THERE"), good_rs)
case("a public key that is none", public("RS256", "NO_PEM"), good_rs)

# kid.
case("set: unknown kid", jwks, token("RS256", RSA, header={"kid": "other"}))
case("set: a kid that two keys have", jwks, token("RS256", RSA, header={"kid": "twice"}))
case("set: no kid, and several keys fit", jwks, token("RS256", RSA))
case("set: a key for encryption", jwks, token("RS256", OTHER_RSA, header={"kid": "enc"}))
for kid in [0, None, True, ["rsa"], {"rsa": 1}]:
    case(f"kid {json.dumps(kid)}", jwks, token("RS256", RSA, header={"kid": kid}))
for kid in ["../../../../dev/null", "rsa' OR '1'='1", "__proto__", "constructor", ""]:
    case(f"kid {kid!r}", jwks, token("RS256", RSA, header={"kid": kid}))

# Keys and extensions in the header.
own = jwk(OTHER_RSA)
for name, value in [("jwk", own), ("jku", "http://127.0.0.1:1/k"), ("x5u", "http://127.0.0.1:1/c"), ("x5c", ["MIIB"])]:
    case(f"{name} of the signer's own key", rs, token("RS256", OTHER_RSA, header={name: value}))
    case(f"{name}, although the signature holds", rs, token("RS256", RSA, header={name: value}))
for name, value in [("crit", ["exp"]), ("crit", []), ("crit", ["b64"]), ("b64", True), ("b64", False), ("zip", "DEF"),
                    ("enc", "A256GCM")]:
    case(f"header {name}: {json.dumps(value)}", hs, secret_token(header={name: value}))
case("crit with b64: false", hs, secret_token(header={"crit": ["b64"], "b64": False}))
case("typ and cty are not looked at", hs, secret_token(header={"typ": "at+jwt", "cty": "x"}), True)

# Form.
head, body, signature = good.split(".")
changed = signature[:5] + ("A" if signature[5] != "A" else "B") + signature[6:]
eve = b64(json.dumps({**CLAIMS, "sub": "eve"}).encode())
for name, text in [
    ("empty", ""), ("one part", head), ("two parts", f"{head}.{body}"), ("four parts", f"{good}.x"),
    ("five parts", f"{good}.x.y"), ("no signature", f"{head}.{body}."), ("no claims", f"{head}..{signature}"),
    ("no header", f".{body}.{signature}"), ("padding", f"{good}="), ("a blank", f"{head}. {body}.{signature}"),
    ("a line break", f"{good}\n"), ("the standard alphabet", f"{head}.{body}.+{signature[1:]}"),
    ("a stray byte", f"{good}*"), ("a signature cut short", good[:-4]), ("a changed signature", f"{head}.{body}.{changed}"),
    ("changed claims", f"{head}.{eve}.{signature}"),
]:
    case(f"form: {name}", hs, text)
# 32 bytes end in a character with two unused bits: another one decodes to the same signature.
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
case("form: unused bits set in the signature", hs, good[:-1] + ALPHABET[ALPHABET.index(good[-1]) + 1])
case("form: larger than 16 KiB", hs, secret_token({**CLAIMS, "pad": "x" * 13_000}))
case("form: just below 16 KiB", hs, secret_token({**CLAIMS, "pad": "x" * 11_900}), True)
opened = json.dumps(CLAIMS)[:-1]    # more members can be added
closed = opened + "}"
for name, text in [
    ("a member given twice", opened + ', "sub": "eve"}'), ("one given twice, once escaped", opened + ', "s\\u0075b": "eve"}'),
    ("a nested member given twice", opened + ', "a": {"b": 1, "b": 2}}'), ("an array", f"[{closed}]"),
    ("a string", json.dumps(closed)), ("null", "null"), ("no JSON", "{"), ("text after the end", closed + "x"),
    ("a byte order mark", b"\xef\xbb\xbf" + closed.encode()), ("not UTF-8", opened.encode() + b', "x": "\xff"}'),
    ("half a surrogate pair", opened + ', "x": "\\ud800"}'), ("nested 40 deep", f'{opened}, "x": {"[" * 40}{"]" * 40}}}'),
    ("nested 3000 deep", f'{opened}, "x": {"[" * 3000}{"]" * 3000}}}'), ("a comment", opened + "/* */}"),
    ("NaN", opened + ', "x": NaN}'),
]:
    case(f"claims: {name}", hs, secret_token(claims_text=text))
case("header: alg given twice", hs, secret_token(header_text='{"alg":"none","alg":"HS256"}'))
case("header: an array", hs, secret_token(header_text='[{"alg":"HS256"}]'))
case("claims: equal names on different levels", hs,
     secret_token({**CLAIMS, "a": {"a": [{"a": 1}, {"a": 1}]}, "b": '{"sub":1,"sub":2}'}), True)
case("claims: members that objects inherit", hs,
     secret_token(claims_text=opened + ', "__proto__": {"x": 1}, "constructor": 1}'), True)

# Times.
def without(*names: str) -> dict:
    return {name: value for name, value in CLAIMS.items() if name not in names}


case("expired", hs, secret_token({**CLAIMS, "exp": PAST}))
case("expired, within a leeway of a century", {**hs, "leeway_seconds": 3_200_000_000}, secret_token({**CLAIMS, "exp": PAST}), True)
case("no exp", hs, secret_token(without("exp")))
case("no exp, and none required", {**hs, "require_exp": False}, secret_token(without("exp")), True)
case("expired, and none required", {**hs, "require_exp": False}, secret_token({**CLAIMS, "exp": PAST}))
case("not valid yet", hs, secret_token({**CLAIMS, "nbf": FUTURE}))
case("issued in the future", hs, secret_token({**CLAIMS, "iat": FUTURE}))
case("valid since then", hs, secret_token({**CLAIMS, "nbf": ISSUED}), True)
for name in ["exp", "nbf", "iat"]:
    for value in [str(END if name == "exp" else ISSUED), None, True, [END], {}]:
        case(f"{name}: {json.dumps(value)}", hs, secret_token({**CLAIMS, name: value}))
case("exp: 1e400", hs, secret_token(claims_text=closed.replace(str(END), "1e400")))
case("times with fractions", hs, secret_token({**CLAIMS, "iat": ISSUED + 0.5, "exp": END + 0.5}), True)

# Who says it, to whom.
case("the issuer", {**hs, "issuer": "https://id.example/"}, good, True)
for value in ["https://id.example", "https://id.example/x", "", None, ["https://id.example/"], 1]:
    case(f"iss: {json.dumps(value)}", {**hs, "issuer": "https://id.example/"}, secret_token({**CLAIMS, "iss": value}))
case("no iss", {**hs, "issuer": "https://id.example/"}, secret_token(without("iss")))
case("no iss, and none required", hs, secret_token(without("iss")), True)
case("the audience", {**hs, "audience": ["api"]}, good, True)
case("one of the audiences", {**hs, "audience": ["x", "api"]}, secret_token({**CLAIMS, "aud": ["y", "api"]}), True)
for value in ["apis", "x api", [], ["x"], [["api"]], {"api": 1}, None, 1]:
    case(f"aud: {json.dumps(value)}", {**hs, "audience": ["api"]}, secret_token({**CLAIMS, "aud": value}))
case("no aud", {**hs, "audience": ["api"]}, secret_token(without("aud")))
case("no sub", hs, secret_token(without("sub")), True)
for value in [1, None, ["ada"], {"ada": 1}, True]:
    case(f"sub: {json.dumps(value)}", hs, secret_token({**CLAIMS, "sub": value}))
tenant = {**hs, "required_claims": {"tenant": "acme", "plan": {"level": [1, 2]}}}
case("required claims", tenant, secret_token({**CLAIMS, "tenant": "acme", "plan": {"level": [1, 2]}}), True)
case("required claim missing", tenant, secret_token({**CLAIMS, "tenant": "acme"}))
case("required claim with another value", tenant,
     secret_token({**CLAIMS, "tenant": "other", "plan": {"level": [1, 2]}}))
case("required claim with more in it", tenant, secret_token({**CLAIMS, "tenant": "acme", "plan": {"level": [1, 2, 3]}}))
case("required claim inherited by objects", {**hs, "required_claims": {"constructor": "x"}}, good)
case("required claim of another type", {**hs, "required_claims": {"admin": True}}, secret_token({**CLAIMS, "admin": "true"}))

out = pathlib.Path(__file__).with_name("jwt.json")
out.write_text(json.dumps({"env": ENV, "claims": CLAIMS, "cases": cases}, indent=1, ensure_ascii=True) + "\n")
print(f"{len(cases)} cases")
