/*{
  "DESCRIPTION": "Sand on a sounding plate: it gathers where the plate is still, the figure changes with the tone",
  "CATEGORIES": ["Generator", "vibrate"],
  "KEYWORDS": [
    "vibrate", "resonance", "hum", "tremble", "vocal", "voice",
    "sand", "buzz", "shiver", "bell", "pendulum"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "order", "TYPE": "float", "DEFAULT": 3.5, "MIN": 2.0, "MAX": 5.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.35, "MIN": 0.25, "MAX": 0.5},
    {"NAME": "phase", "TYPE": "float", "DEFAULT": 0.0, "MIN": -10.0, "MAX": 10.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace + phase;
    vec2 q = turn(0.15 * sin(0.7 * t)) * p;
    // Chladni's figures: two standing waves, the plate's modes m and n, in changing shares
    float m = order + 1.2 * sin(0.37 * t);
    float n = order * 1.7 + 1.4 * cos(0.29 * t);
    vec2 a = cos(1.5708 * m * q), b = cos(1.5708 * n * q);
    float mixed = 0.75 * sin(0.53 * t);
    float plate = a.x * b.y + mixed * b.x * a.y;
    float round_ = cos(5.0 * length(q) * (1.0 + 0.1 * order) - 3.0 * t);
    float w = plate + 0.35 * round_ * (0.4 + 0.4 * sin(0.9 * t));
    float slope = fwidth(w) / pixel();
    float still = abs(w) / max(slope, 0.6);
    // sand: grains thick where the plate is still, dancing a little
    vec2 g = p * RENDERSIZE.y * 0.22;
    float own = hash(floor(g));
    float grain = fract(own + 0.618 * floor(TIME * 3.0 + 9.0 * own));  // each leaps at its own moments
    float line = 1.0 / (1.0 + 900.0 * still * still);
    float dust = step(grain, 0.55 / (1.0 + 120.0 * still * still));
    float v = 0.42 + 0.10 * w + 0.12 * cos(TIME * 5.0) * w * 0.25;
    float row = smoothstep(0.25, 1.3, abs(w)) * (w > 0.0 ? 1.0 : 0.6);
    v += 0.34 * line + 0.22 * dust;
    v -= 0.10 * smoothstep(0.02, 0.14, still) * smoothstep(0.35, 0.14, still);
    gl_FragColor = vec4(ink(v - 0.04 * dot(p, p), row * (1.0 - line)), 1.0);
}
