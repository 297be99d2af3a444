/*{
  "DESCRIPTION": "A heart that beats, and the warmth that goes out from it in rings of hearts",
  "CATEGORIES": ["Generator", "pulse"],
  "SOFT": true,
  "KEYWORDS": ["heart", "love", "pulse", "beat", "blood", "kiss", "life", "passion", "soul", "you", "heartbeat"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "rate", "TYPE": "float", "DEFAULT": 1.2, "MIN": 1.0, "MAX": 1.5},
    {"NAME": "lean", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.3, "MAX": 0.3},
    {"NAME": "off_centre", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.5, "MAX": 0.5}
  ]
}*/
#include "lib.glsl"

// Distance-like: 1 on the outline of a heart of size 1, growing outwards in every direction.
float heart(vec2 p) {
    p.y += 0.12;
    p.x = abs(p.x);
    float y = p.y - 0.72 * sqrt(p.x + 0.002) + 0.15 * p.x;
    return sqrt(p.x * p.x * 1.05 + y * y * 1.15);
}

void main() {
    vec2 p = centred() - vec2(off_centre, -0.05);
    p = turn(lean + 0.05 * sin(TIME)) * p;
    float t = TIME * rate;
    float since = fract(t);
    float beat = exp2(-9.0 * since) + 0.5 * exp2(-9.0 * fract(since - 0.28)) * step(0.28, since);
    float far = heart(p);
    // rings that left with the beats before
    float along = far * 3.2 - t;
    float ring = fract(along);
    float id = floor(along);
    float v = 0.43 + 0.13 * smoothstep(0.0, 0.04, ring) * (1.0 - ring) + (mod(id, 2.0) < 0.5 ? 0.06 : -0.04) - 0.04 * far;
    float row = mod(id, 4.0) == 0.0 ? 0.75 : 0.0;
    // small hearts rising
    for (int k = 0; k < 2; k++) {
        vec2 q = p * (2.4 + 1.3 * float(k)) + vec2(3.7 * float(k), -TIME * (0.7 - 0.2 * float(k)));
        vec2 cell = floor(q);
        vec2 chance = hash2(cell + 3.0 * float(k));
        vec2 c = fract(q) - 0.5 - vec2(0.25 * (chance.x - 0.5) + 0.05 * sin(3.0 * TIME + TAU * chance.y), 0.0);
        float d = heart(turn(0.5 * (chance.x - 0.5)) * c * 4.2) - 0.62;
        float small = step(chance.y, 0.35) * smoothstep(0.06, 0.0, d);
        v = mix(v, 0.66 + 0.15 * c.y, small);
        row = mix(row, chance.x > 0.5 ? 1.0 : 2.0, small);
    }
    float size = 0.46 + 0.09 * beat;
    float d = (far - size);
    float shadow = smoothstep(0.22, 0.0, d);
    v -= 0.16 * shadow;
    float inside = smoothstep(1.5 * pixel(), 0.0, d);
    vec2 lit = p / size;
    float body = 0.42 + 0.20 * lit.y - 0.14 * lit.x + 0.3 * beat;
    body += 0.55 * smoothstep(0.30, 0.0, length((lit - vec2(-0.55, 0.52)) * vec2(1.0, 1.5)));
    body -= 0.22 * smoothstep(-0.25, 0.0, d / size);
    v = mix(v, body, inside);
    row = mix(row, 1.0, inside);
    v += 0.5 * smoothstep(0.02, 0.0, abs(d)) * (0.35 + 0.65 * beat);
    gl_FragColor = vec4(ink(v, row), 1.0);
}
