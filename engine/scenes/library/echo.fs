/*{
  "DESCRIPTION": "A figure and its canon: each outline enters later, paler and larger, until the picture is full of it",
  "CATEGORIES": ["Generator", "canon"],
  "SOFT": true,
  "KEYWORDS": ["canon", "echo", "repeat", "round", "mirror", "kick", "boom", "choir", "memory", "organ", "cathedral"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "petals", "TYPE": "float", "DEFAULT": 5.0, "MIN": 3.0, "MAX": 8.0},
    {"NAME": "wander", "TYPE": "float", "DEFAULT": 0.4, "MIN": 0.25, "MAX": 0.55},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.55, "MIN": 0.4, "MAX": 0.8},
    {"NAME": "phase", "TYPE": "float", "DEFAULT": 0.0, "MIN": -10.0, "MAX": 10.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float beat = TIME * pace * 2.0;
    float n = floor(petals);
    float v = 0.0, row = 0.0, open = 1.0, shadow = 0.0, glow = 0.0;
    // from the voice that sings now, on top, to the oldest below
    for (int i = 0; i < 8; i++) {
        float age = float(i) + fract(beat);
        float id = floor(beat) - float(i);
        float then = id / pace + phase;
        vec2 c = wander * (1.0 - age / 13.0) * vec2(sway(0.55 * then), 0.6 * sway(0.42 * then + 1.57));
        vec2 q = p - c;
        float lobe = 1.0 + 0.14 * sway(n * (angle(q) + 0.3 * id + 0.10 * age));
        float d = length(q) - (0.10 + 0.22 * age) * lobe;
        float fresh = 1.0 / (1.0 + 0.55 * age * age);
        float body = 0.42 + (mod(id, 2.0) < 0.5 ? 0.10 : -0.08) + 0.35 * fresh - shadow;
        glow = (0.10 + 0.4 * fresh) / (1.0 + 2500.0 * d * d);
        float cover = fill(d) * open;
        float kind = mod(id, 4.0);
        v += cover * body + open * glow;
        row += cover * (kind < 0.5 ? 1.0 : kind > 1.5 && kind < 2.5 ? 0.5 : 0.0);
        open -= cover;
        if (open < 0.004) break;
        shadow = max(shadow * 0.5, 0.14 / (1.0 + 160.0 * d * d));
    }
    v += open * (0.36 - shadow);
    gl_FragColor = vec4(ink(v, row), 1.0);
}
