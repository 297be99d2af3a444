/*{
  "DESCRIPTION": "Flames that lick upwards in hard-edged tongues, sparks above them",
  "CATEGORIES": ["Generator", "fire"],
  "SOFT": true,
  "KEYWORDS": [
    "fire", "flame", "ember", "burn", "spark", "heat",
    "rage", "torch", "distortion", "inferno", "candle", "molten"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "height", "TYPE": "float", "DEFAULT": 0.5, "MIN": 0.3, "MAX": 0.7},
    {"NAME": "pace", "TYPE": "float", "DEFAULT": 0.55, "MIN": 0.4, "MAX": 0.7},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -40.0, "MAX": 40.0}
  ]
}*/
#include "lib.glsl"

void main() {
    vec2 p = centred();
    float t = TIME * pace;
    float up = p.y * 0.5 + 0.5;
    // air that rises, faster at the edges of its own eddies
    vec2 q = vec2(p.x * 1.5 + place, p.y * 0.85 - 1.5 * t);
    float eddy = noise(q * 1.2 + vec2(0.0, 0.4 * t)) - 0.5;
    q.x += 0.55 * eddy * (0.4 + up);
    float turbulence = fbm3(q * 1.6 + eddy);
    float tongues = 1.25 * turbulence + 0.55 * noise(vec2(p.x * 2.3 + place, -0.8 * t)) - 0.62;
    float heat = tongues + 0.6 * height + 0.28 - 0.95 * up;
    // steps of colour, as in a woodcut, with soft light between them
    float v = 0.40 - 0.06 * p.y + 0.10 * smoothstep(-0.5, 0.0, heat);
    float row = 0.0;
    float soft = 0.018;
    float outer = smoothstep(0.0, soft, heat - 0.02);
    float middle = smoothstep(0.0, soft, heat - 0.26);
    float inner = smoothstep(0.0, soft, heat - 0.50);
    float core = smoothstep(0.0, soft * 2.0, heat - 0.76);
    v = mix(v, 0.30 + 0.35 * heat, outer);
    row = mix(row, 2.0, outer);
    v = mix(v, 0.52 + 0.15 * heat, middle);
    row = mix(row, 0.0, middle);
    v = mix(v, 0.66 + 0.1 * heat, inner);
    row = mix(row, 1.0, inner);
    v = mix(v, 0.95, core);
    // sparks
    for (int k = 0; k < 2; k++) {
        float scale = 5.0 + 4.0 * float(k);
        vec2 s = vec2(p.x + 0.16 * sin(3.0 * p.y + 2.0 * t + float(k)) + 0.2 * eddy, p.y - (1.1 - 0.3 * float(k)) * t) * scale;
        vec2 cell = floor(s);
        vec2 chance = hash2(cell + place);
        float d = length(fract(s) - 0.25 - 0.5 * chance) - 0.10 * chance.x;
        float spark = step(chance.y, 0.22) * smoothstep(0.05, -0.02, d) * (1.0 - middle);
        v = mix(v, 0.92, spark);
        row = mix(row, 1.0, spark);
    }
    gl_FragColor = vec4(ink(v, row), 1.0);
}
