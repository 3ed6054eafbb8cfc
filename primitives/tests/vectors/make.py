"""Golden vectors of everything that is hashed, signed or drawn, from the protocol's text alone.

Shares no code with the Rust crates: SCALE by hand, BLAKE2b from hashlib, the sampler's logarithm after
the published fdlibm algorithm and checked against 60 digits. Standard library only.

usage: python3 make.py > protocol.json
"""

import decimal
import hashlib
import json
import math
import struct

decimal.getcontext().prec = 60


# SCALE.


def uint(value, size):
    return value.to_bytes(size, "little")


def u8(value):
    return uint(value, 1)


def u16(value):
    return uint(value, 2)


def u32(value):
    return uint(value, 4)


def u64(value):
    return uint(value, 8)


def u128(value):
    return uint(value, 16)


def i16(value):
    return value.to_bytes(2, "little", signed=True)


def i32(value):
    return value.to_bytes(4, "little", signed=True)


def compact(value):
    if value < 1 << 6:
        return uint(value << 2, 1)
    if value < 1 << 14:
        return uint(value << 2 | 1, 2)
    if value < 1 << 30:
        return uint(value << 2 | 2, 4)
    raise ValueError("longer than these vectors need")


def bytes_(value):
    return compact(len(value)) + value


def vector(encoded):
    return compact(len(encoded)) + b"".join(encoded)


def blake2_256(data):
    return hashlib.blake2b(data, digest_size=32).digest()


def filled(byte):
    """An identifier, key, salt or hash of 32 equal bytes."""
    return bytes([byte]) * 32


def counted(first):
    """32 bytes that count up from `first`, so that none can change places unseen."""
    return bytes(range(first, first + 32))


GENESIS = counted(0)


def payload(what, value):
    return b"infergrid/" + what.encode() + b"/v1" + GENESIS + value


# What is hashed or signed.


def sampling_params(max_tokens, temperature, top_p, top_k, frequency, presence, stop):
    return (
        u32(max_tokens)
        + u32(temperature)
        + u32(top_p)
        + u32(top_k)
        + i32(frequency)
        + i32(presence)
        + vector([bytes_(text.encode()) for text in stop])
    )


def request(params, prompt, assurance):
    profile, max_fee, nonce, task = counted(32), 123_456_789_012_345_678_901, 7, 42
    payment = u8(0) + u64(task)
    return profile + params + prompt + u128(max_fee) + u64(nonce) + payment + u8(assurance)


def receipt():
    finish_stop_string = u8(1)
    return (
        counted(1)  # request_id
        + counted(2)  # miner
        + counted(3)  # worker_key
        + u32(17)  # n_prompt
        + u32(300)  # n_out
        + finish_stop_string
        + counted(4)  # output_commit
        + counted(5)  # trace_root
        + u128(10**24 + 1)  # fee
        + u32(1_234)  # ttft_ms
        + u32(56_789)  # total_ms
    )


def vote():
    measures = u16(3) + u32(1_500) + u32(1_000) + u32(2) + u32(63) + u32(65) + u32(12)
    fingerprint = b"".join(i16(-32_768 if n == 0 else n * 1_000 - 16_000) for n in range(32))
    invalid = u8(1)
    return invalid + measures + fingerprint


def peer():
    return bytes(range(38))


def tokens():
    return vector([u32(token) for token in [0, 1, 65_535, 4_294_967_295]])


def chunk(index, ids, proof):
    leaf = u32(index) + blake2_256(vector([u32(token) for token in ids])) + bytes_(proof)
    return payload("chunk", leaf)


def proof_params():
    return u16(128) + u16(32) + u16(8) + u32(1_000) + u32(1_000) + u32(100) + u64(32_768)


def profile():
    f32 = u8(0)
    return (
        counted(6)
        + f32
        + u8(1)
        + proof_params()
        + blake2_256(proof_params())
        + u32(2_048)
        + u32(20)
        + u128(10_000_000_000)
        + u128(30_000_000_000)
    )


def manifest():
    files = [(b"config.json", 700, counted(7)), (b"model.safetensors", 7_757_952, counted(8))]
    encoded = [bytes_(path) + u64(size) + blake3 for path, size, blake3 in files]
    return vector(encoded) + u32(4) + bytes_(b"Apache-2.0")


def trace():
    """Three leaves: two are joined, the third moves up, and the root binds their number."""
    leaves = [chunk(n, [n, n + 1], bytes([n])) for n in range(3)]
    a, b, c = (blake2_256(leaf) for leaf in leaves)
    inner = payload("trace-node", a + b)
    top = payload("trace-node", blake2_256(inner) + c)
    sealed = payload("trace", u32(3) + blake2_256(top))
    empty = payload("trace", u32(0) + filled(0))
    return leaves[2], inner, sealed, empty


def ticket_outputs():
    """Of eight blocks: the slots of two in between had no output."""
    blocks = [n for n in range(10) if n not in (1, 6)]
    return vector([u32(100 + n) + counted(9 + n) for n in blocks])


FINGERPRINT = b"infergrid/fingerprint/v1" + counted(11) + u64(9)
# The domain is a byte string here, so its length goes before it.
DRAW_DOMAIN = bytes_(b"infergrid/draw/v1")


def payloads():
    salted = u8(0) + counted(12) + u32(19)
    inline = u8(1) + blake2_256("Was ist ein Füllhorn?".encode())
    warm = sampling_params(256, 700_000, 900_000, 40, -500_000, 2_000_000, ["\n\n", "é"])
    greedy = sampling_params(1, 0, 1_000_000, 0, 0, 0, [])
    leaf, inner, root, empty_root = trace()
    return {
        "request: salted prompt, sampled": payload("request", request(warm, salted, 0)),
        "request: inline prompt, always audited": payload("request", request(greedy, inline, 1)),
        "receipt": payload("receipt", receipt()),
        "pair": payload("pair", counted(2) + u32(3) + u32(1_000_000)),
        "deliver": payload("deliver", u64(42) + bytes_(peer())),
        "open": payload("open", u64(42) + u8(2) + bytes_(peer())),
        "tokens": payload("tokens", counted(13) + tokens()),
        "tokens: none": payload("tokens", counted(13) + vector([])),
        "seed": payload("seed", counted(1) + counted(14) + counted(32)),
        "vote": payload("vote", vote() + u64(9) + counted(15) + counted(16)),
        "chunk": leaf,
        "trace-node": inner,
        "trace": root,
        "trace: no chunks": empty_root,
        "assign": payload("assign", counted(17) + u64(42)),
        "ticket": payload("ticket", ticket_outputs()),
        "anchor": payload("anchor", counted(17) + u64(42)),
        "committee": payload("committee", counted(11) + u64(9) + u8(1)),
        "select": payload("select", counted(11) + u64(9)),
        "model": b"infergrid/model/v1" + manifest(),
        "registration": b"infergrid/registration/v1" + counted(2) + counted(6),
        "profile": b"infergrid/profile/v1" + profile(),
        "fingerprint": FINGERPRINT,
        "draw: seat": DRAW_DOMAIN + counted(11) + counted(18) + u32(2),
    }


# What is drawn.


def philox4x32_10(key, counter):
    """Salmon et al., 'Parallel random numbers: as easy as 1, 2, 3', 2011."""
    mask = 0xFFFFFFFF
    k0, k1 = key
    c0, c1, c2, c3 = counter
    for _ in range(10):
        a, b = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (b >> 32) ^ c1 ^ k0, b & mask, (a >> 32) ^ c3 ^ k1, a & mask
        k0, k1 = (k0 + 0x9E3779B9) & mask, (k1 + 0xBB67AE85) & mask
    return c0, c1, c2, c3


def bits(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def from_bits(value):
    return struct.unpack("<d", struct.pack("<Q", value))[0]


def log(x):
    """fdlibm's logarithm for normal x > 0, x != 1, in IEEE doubles: below one unit in the last place."""
    ln2_hi, ln2_lo = from_bits(0x3FE62E42_FEE00000), from_bits(0x3DEA39EF_35793C76)
    odd = [0x3FE55555_55555593, 0x3FD24924_94229359, 0x3FC74664_96CB03DE, 0x3FC2F112_DF3E5244]
    even = [0x3FD99999_9997FA04, 0x3FCC71C5_1D8E78AF, 0x3FC39A09_D078C69F]
    lg1, lg3, lg5, lg7 = map(from_bits, odd)
    lg2, lg4, lg6 = map(from_bits, even)
    # x = 2^k · (1 + f) with 1 + f between √2/2 and √2.
    fraction, k = math.frexp(x)
    if bits(fraction) >> 32 < 0x3FE6A09E:
        fraction, k = fraction * 2, k - 1
    f = fraction - 1.0
    hfsq = 0.5 * f * f
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    t1 = w * (lg2 + w * (lg4 + w * lg6))
    t2 = z * (lg1 + w * (lg3 + w * (lg5 + w * lg7)))
    result = s * (hfsq + (t2 + t1)) + k * ln2_lo - hfsq + f + k * ln2_hi
    exact = decimal.Decimal(x).ln()
    assert abs(decimal.Decimal(result) - exact) < decimal.Decimal(math.ulp(result)), x
    return result


def gumbel(seed, step, token):
    words = struct.unpack("<4I", seed[:16])
    word = philox4x32_10(words[:2], (token, step, words[2], words[3]))[0]
    uniform = (word + 0.5) / 4_294_967_296.0
    noise = -log(-log(uniform))
    exact = -(-decimal.Decimal(uniform).ln()).ln()
    assert abs(decimal.Decimal(noise) - exact) < decimal.Decimal("1e-15"), (step, token)
    return noise


SEEDS = [filled(0), filled(255), blake2_256(b"golden")]
PLACES = [(0, 0), (0, 1), (1, 0), (511, 31_999), (4_294_967_295, 4_294_967_295)]


def noises():
    return [
        {"seed": seed.hex(), "step": step, "token": token, "bits": f"{bits(gumbel(seed, step, token)):016x}"}
        for seed in SEEDS
        for step, token in PLACES
    ]


def f32(value):
    return struct.unpack("<f", struct.pack("<f", value))[0]


def logits():
    return [f32(math.sin(n * 1.7) * 4.0) for n in range(50)]


def choose(values, temperature, top_p, top_k, history, frequency, presence, seed, step):
    """The definition, with full sorts and 60 digits; a choice that hangs by a thread is an error."""
    scores = [decimal.Decimal(value) for value in values]
    for token in set(history):
        scores[token] -= history.count(token) * decimal.Decimal(frequency) / 10**6
        scores[token] -= decimal.Decimal(presence) / 10**6
    if temperature == 0:
        return max(range(len(scores)), key=lambda token: (scores[token], -token))
    scores = [score * 10**6 / temperature for score in scores]
    kept = sorted(range(len(scores)), key=lambda token: (-scores[token], token))
    kept = kept[: top_k or len(kept)]
    if top_p < 10**6:
        weights = [scores[token].exp() for token in kept]
        wanted, total, count = sum(weights) * top_p / 10**6, decimal.Decimal(0), 0
        while total < wanted:
            total += weights[count]
            count += 1
            assert abs(total - wanted) > decimal.Decimal("1e-6") * wanted
        kept = kept[:count]
    noisy = sorted((scores[t] + decimal.Decimal(gumbel(seed, step, t)) for t in kept), reverse=True)
    assert len(noisy) == 1 or noisy[0] - noisy[1] > decimal.Decimal("1e-6")
    return max(kept, key=lambda t: scores[t] + decimal.Decimal(gumbel(seed, step, t)))


def choices():
    history = [12, 12, 49, 38, 12]
    settings = [
        (0, 1_000_000, 0, 0, 0),
        (1_000_000, 1_000_000, 0, 0, 0),
        (1_500_000, 1_000_000, 12, 0, 0),
        (1_200_000, 600_000, 0, 0, 0),
        (2_000_000, 900_000, 20, 1_500_000, -500_000),
        (1_000_000, 1_000_000, 0, -2_000_000, 2_000_000),
    ]
    seed = SEEDS[2]
    return {
        "seed": seed.hex(),
        "logits": [struct.pack(">f", value).hex() for value in logits()],
        "history": history,
        "cases": [
            {
                "temperature_micros": temperature,
                "top_p_micros": top_p,
                "top_k": top_k,
                "frequency_penalty_micros": frequency,
                "presence_penalty_micros": presence,
                "tokens": [
                    choose(logits(), temperature, top_p, top_k, history, frequency, presence, seed, step)
                    for step in range(8)
                ],
            }
            for temperature, top_p, top_k, frequency, presence in settings
        ],
    }


def fingerprint():
    """Of one hidden state, at the place and through the matrix that the randomness names."""
    layers, positions = 24, 500
    seed = blake2_256(FINGERPRINT)
    first, second, third = struct.unpack("<3Q", seed[:24])
    key = third & 0xFFFFFFFF, third >> 32
    hidden = [f32(math.cos(n * 0.9) * (8.0 if n % 31 == 5 else 0.3)) for n in range(70)]
    exact = [decimal.Decimal(value) for value in hidden]
    norm = sum(value * value for value in exact).sqrt()
    numbers = []
    for row in range(32):
        total = decimal.Decimal(0)
        for d, value in enumerate(exact):
            column = philox4x32_10(key, (d // 4, 0, 0, 0))[d % 4]
            total += value if column >> row & 1 else -value
        scaled = total * 4_096 / norm
        assert abs(abs(scaled % 1) - decimal.Decimal("0.5")) > decimal.Decimal("1e-6")
        numbers.append(int(scaled.to_integral_value(decimal.ROUND_HALF_UP)))
    return {
        "randomness": counted(11).hex(),
        "audit": 9,
        "layers": layers,
        "positions": positions,
        "layer": first * layers >> 64,
        "position": second * positions >> 64,
        "hidden": [struct.pack(">f", value).hex() for value in hidden],
        "numbers": numbers,
    }


def seats():
    """Weighted draws without replacement: the number of each seat modulo what is left."""
    weights = [5, 0, 2**127, 10**18, 2**127 + 12_345, 7]
    left = [(item, weight) for item, weight in enumerate(weights) if weight]
    drawn = []
    for seat in range(4):
        seed = blake2_256(DRAW_DOMAIN + counted(11) + counted(18) + u32(seat))
        point = int.from_bytes(seed, "little") % sum(weight for _, weight in left)
        for place, (item, weight) in enumerate(left):
            if point < weight:
                drawn.append(item)
                del left[place]
                break
            point -= weight
    return {
        "randomness": counted(11).hex(),
        "context": counted(18).hex(),
        "weights": [str(weight) for weight in weights],
        "drawn": drawn,
    }


def fees():
    """Each part in plancks per 1,000 tokens, rounded up."""
    cases = [(10, 30, 0, 0), (1, 1, 1, 1), (1_000, 3_000, 17, 300), (999, 1_001, 1_001, 999)]
    cases += [(2**100 + 1, 2**90 + 3, 131_071, 65_537)]
    return [
        {
            "input": str(a),
            "output": str(b),
            "n_prompt": n,
            "n_out": m,
            "fee": str(-(-a * n // 1_000) + -(-b * m // 1_000)),
        }
        for a, b, n, m in cases
    ]


def main():
    hashed = [
        {"name": name, "payload": data.hex(), "hash": blake2_256(data).hex()}
        for name, data in payloads().items()
    ]
    made = {
        "genesis": GENESIS.hex(),
        "payloads": hashed,
        "noise": noises(),
        "choices": choices(),
        "fingerprint": fingerprint(),
        "draw": seats(),
        "fees": fees(),
    }
    print(json.dumps(made, indent=1))


if __name__ == "__main__":
    main()
