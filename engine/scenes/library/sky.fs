/*{
  "DESCRIPTION": "Piled clouds sail over a wide sky, a flock of birds before them",
  "CATEGORIES": ["Generator", "sky"],
  "SOFT": true,
  "KEYWORDS": ["sky", "cloud", "wind", "horizon", "bird", "air", "dawn", "summer", "morning", "wing", "aurora"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "cover", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.35, "MAX": 0.65},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.7, "MAX": 1.1},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -60.0, "MAX": 60.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    // a low sun: the sky glows around it, the clouds are lit from its side
    vec2 sun = vec2(0.9 * sin(place), 0.42), away = p - sun;
    float r2 = dot(away, away), glow = 1.0 / (1.0 + 5.0 * r2);
    float disc = smoothstep(0.022, 0.018, r2);
    float v = 0.40 - 0.10 * p.y + 0.34 * glow, row = 1.3 * glow * glow;
    v = mix(v, 0.98, disc);
    // three banks, the near ones lower, larger and faster
    for (int k = 0; k < 3; k++) {
        float near = float(k) / 2.0;
        float scale = mix(2.4, 1.1, near);
        vec2 q = vec2(p.x * scale + t * mix(1.0, 2.6, near) + place + 17.0 * float(k), p.y * scale * 1.5);
        float base = mix(0.35, -0.75, near);
        float puff = fbm3(q * 1.5 + vec2(0.0, 0.25 * t));
        float bank = noise(vec2(q.x * 0.75, 3.0 * float(k)));
        float top = base + 0.55 * (bank - 0.8 + cover) + 0.5 * (puff - 0.5);
        float d = top - p.y;
        float cloud = smoothstep(0.0, 0.035, d);
        // light runs down from the crest into each billow, shadow gathers below
        float crest = max(0.0, 1.0 - 4.0 * max(d, 0.0)), billow = puff - 0.45;
        float lit = crest * crest * (0.30 + 0.30 * glow) + 0.75 * billow;
        float body = mix(0.58, 0.40, near) + lit - 0.22 * smoothstep(0.05, 0.75, d);
        v = mix(v, body, cloud);
        row = mix(row, crest * glow * 1.2 + (k == 1 ? 0.4 : 0.0), cloud);
    }
    // birds in a wedge
    vec2 flock = vec2(mod(0.4 * TIME + 0.3 * place, 4.6) - 2.3, 0.45 + 0.12 * sin(0.6 * TIME + place));
    for (int i = 0; i < 5; i++) {
        float rank = float(i) - 2.0;
        vec2 q = (p - flock + vec2(abs(rank) * 0.16, -rank * 0.085)) * 11.0;
        float beat = sin(TIME * 8.0 + float(i) * 1.3);
        float wing = abs(q.x);
        float d = abs(q.y - wing * (0.25 + 0.55 * beat) + 0.45 * wing * wing) - 0.11 * max(0.0, 1.0 - wing);
        v = mix(v, 0.04, smoothstep(0.06, 0.0, d) * step(wing, 1.0));
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
