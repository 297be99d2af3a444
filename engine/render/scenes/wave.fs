/*{
  "DESCRIPTION": "Long swells one behind the other, lit along their crests",
  "CATEGORIES": ["Generator", "wave"],
  "KEYWORDS": ["wave", "ocean", "swell", "silk", "ribbon", "splash"],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "swell", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.0, "MAX": 1.0},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.9, "MIN": 0.5, "MAX": 1.4},
    {"NAME": "drift", "TYPE": "float", "DEFAULT": 0.0, "MIN": -20.0, "MAX": 20.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    // the sky behind: the named colour, brighter towards the horizon
    float sun = length(p - vec2(0.5 * sin(drift), 0.42));
    vec3 colour = ink(0.62 - 0.2 * p.y + 0.25 * exp(-4.0 * sun), 0.0);
    colour = mix(colour, ink(0.9, 1.0), fill(sun - 0.3));
    for (int i = 0; i < 7; i++) {
        float depth = float(i) / 6.0;
        float base = 0.35 - 1.35 * depth;
        float scale = mix(2.6, 0.9, depth);
        float x = p.x * scale + drift + float(i) * 2.7 + t * mix(0.25, 0.8, depth);
        float height = sin(x) + 0.5 * sin(2.3 * x - t * 1.3 + float(i)) + 0.22 * sin(4.1 * x + t * 2.1);
        float crest = base + (0.09 + 0.13 * swell) * mix(0.55, 1.3, depth) * height;
        float below = crest - p.y;
        float row = mod(float(i), 3.0) == 1.0 ? 1.0 : 0.0;
        float light = 0.7 * exp(-below * mix(26.0, 9.0, depth)) + 0.2 * exp(-below * 2.5);
        float body = mix(0.62, 0.26, depth) + light * 0.6;
        body += 0.05 * sin(40.0 * below * (1.0 - 0.5 * depth) + 3.0 * height) * exp(-3.0 * below);
        colour = mix(colour, ink(body, row), fill(-below));
    }
    gl_FragColor = vec4(colour, 1.0);
}
