/*{
  "DESCRIPTION": "Lightning feels its way down between storm clouds, slanting rain before it",
  "CATEGORIES": ["Generator", "thunder"],
  "SOFT": true,
  "KEYWORDS": ["thunder", "lightning", "storm", "bolt", "power", "shock", "electric", "war", "spark", "timpani"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.55, "MIN": 0.4, "MAX": 0.7},
    {"NAME": "slant", "TYPE": "float", "DEFAULT": 0.0, "MIN": -0.35, "MAX": 0.35},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -60.0, "MAX": 60.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME;
    // clouds that roll
    vec2 q = vec2(p.x * 1.1 + 0.25 * t + place, p.y * 1.9 + 0.08 * t);
    float roll = fbm3(q + 0.5 * noise(q * 1.7 - 0.3 * t));
    float roof = smoothstep(-0.25, 0.9, p.y + 0.9 * (roll - 0.5));
    float v = 0.50 + 0.06 * p.y, row = 0.0;
    float glow = 0.0, bolts = 0.0;
    // two bolts in turn: each glows up gently, stands, fades; the light is the picture's motion, not a strobe
    for (int k = 0; k < 2; k++) {
        float life = t * pace + 0.5 * float(k);
        float id = floor(life), age = fract(life);
        vec2 chance = hash2(vec2(id, 3.0 + float(k)) + place);
        float x0 = 2.6 * (chance.x - 0.5);
        float tip = mix(1.1, -1.3, smoothstep(0.0, 0.28, age));
        float strength = smoothstep(0.0, 0.1, age) * smoothstep(1.0, 0.35, age);
        float bend = (noise(vec2(p.y * 2.3 + 17.0 * chance.y, id)) - 0.5) * 0.7
            + (noise(vec2(p.y * 9.0, id + 5.0 + floor(t * 8.0) * 0.13)) - 0.5) * 0.16;
        float x = p.x - x0 - slant * p.y - bend;
        float d = abs(x);
        float run = smoothstep(0.0, 0.1, p.y - tip);
        // a fork that leaves on one side
        float start = 0.6 * chance.y - 0.1;
        float fork = abs(x - (chance.x > 0.5 ? 0.55 : -0.55) * max(start - p.y, 0.0)
            - 0.14 * (noise(vec2(p.y * 7.0, id + 31.0)) - 0.5)) + 0.007 + 2.0 * step(start, p.y);
        float bolt = smoothstep(0.022, 0.006, d) + 0.8 * smoothstep(0.018, 0.006, fork);
        bolts += bolt * run * strength;
        glow += (0.16 / (0.2 + 9.0 * d * d)) * run * strength;
    }
    float cloud = 0.24 + 0.40 * smoothstep(0.2, 0.8, roll) + 0.16 * glow;
    v = mix(v + 0.14 * glow, cloud, roof);
    row = mix(0.15, smoothstep(0.55, 0.8, roll) * 0.8, roof);
    // rain
    vec2 s = turn(0.16 + slant * 0.5) * p;
    for (int k = 0; k < 2; k++) {
        float scale = 26.0 - 9.0 * float(k);
        float column = floor(s.x * scale);
        float chance = hash(vec2(column, 5.0 + float(k)));
        float fall = fract(s.y * 0.55 + t * (1.6 + 0.8 * chance) + 7.0 * chance);
        float streak = smoothstep(0.82, 0.98, 1.0 - fall) * smoothstep(0.5, 0.2, abs(fract(s.x * scale) - 0.5));
        v += 0.13 * streak * step(chance, 0.6);
    }
    // a ridge below
    float ridge = -0.72 + 0.16 * sin(p.x * 1.9 + place) + 0.05 * sin(p.x * 6.1 + 2.0 * place);
    float land = fill(p.y - ridge);
    v = mix(v, 0.15 + 0.10 * glow * smoothstep(-0.2, 0.0, p.y - ridge), land);
    v = mix(v, 1.0, min(1.0, bolts) * (1.0 - land) * (1.0 - 0.55 * roof));
    row = mix(row, 1.0, clamp(0.5 * glow, 0.0, 0.7) * (1.0 - land));
    gl_FragColor = vec4(ink(v, row), 1.0);
}
