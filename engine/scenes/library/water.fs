/*{
  "DESCRIPTION": "Drops fall on still water, their rings cross; the light on the bottom bends with them",
  "CATEGORIES": ["Generator", "water"],
  "SOFT": true,
  "KEYWORDS": [
    "water", "ripple", "rain", "drop", "ocean", "river", "sea",
    "pool", "piano", "tear", "foam", "shower", "waterfall", "liquid"
  ],
  "INPUTS": [
    {"NAME": "ramp", "TYPE": "image"},
    {"NAME": "rate", "TYPE": "float", "DEFAULT": 0.7, "MIN": 0.4, "MAX": 1.0},
    {"NAME": "depth", "TYPE": "float", "DEFAULT": 0.6, "MIN": 0.3, "MAX": 1.0},
    {"NAME": "place", "TYPE": "float", "DEFAULT": 0.0, "MIN": -40.0, "MAX": 40.0}
  ],
  "PASSES": [
    {"TARGET": "surface", "PERSISTENT": true, "FLOAT": true, "WIDTH": "192", "HEIGHT": "floor(192 * $HEIGHT / $WIDTH)"},
    {"TARGET": "surface", "PERSISTENT": true, "FLOAT": true, "WIDTH": "192", "HEIGHT": "floor(192 * $HEIGHT / $WIDTH)"},
    {"TARGET": "surface", "PERSISTENT": true, "FLOAT": true, "WIDTH": "192", "HEIGHT": "floor(192 * $HEIGHT / $WIDTH)"},
    {}
  ]
}*/
#include "lib.glsl"

// One step of the wave equation: height in x, the height one step before in y.
vec4 swing() {
    vec2 at = isf_FragNormCoord;
    ivec2 i = ivec2(gl_FragCoord.xy), end = ivec2(RENDERSIZE) - 1;
    vec2 here = texelFetch(surface, i, 0).xy;
    float around = 0.25 * (texelFetch(surface, ivec2(min(i.x + 1, end.x), i.y), 0).x
        + texelFetch(surface, ivec2(max(i.x - 1, 0), i.y), 0).x
        + texelFetch(surface, ivec2(i.x, min(i.y + 1, end.y)), 0).x
        + texelFetch(surface, ivec2(i.x, max(i.y - 1, 0)), 0).x);
    float next = here.x + 0.994 * (here.x - here.y) + 1.4 * (around - here.x) - 0.002 * here.x;
    // drops, each pressed in during its first moments: a hollow and the rim that it throws up
    for (int k = 0; k < 2; k++) {
        float span = TIME * rate * (3.0 + float(k)) + 0.1;
        vec2 chance = hash2(vec2(floor(span), place + 9.0 * float(k)));
        vec2 d = (at - (0.06 + 0.88 * chance)) * vec2(RENDERSIZE.x / RENDERSIZE.y, 1.0);
        float size = 0.03 + 0.03 * hash(vec2(floor(span), 2.0));
        float r = dot(d, d) / (size * size);
        next -= 0.13 * (1.0 - r) * exp(-1.5 * r) * step(fract(span), 0.25);
    }
    return vec4(next, here.x, 0.0, 1.0);
}

void main() {
    if (PASSINDEX < 3) {
        gl_FragColor = swing();
        return;
    }
    vec2 at = isf_FragNormCoord, px = 1.5 / IMG_SIZE(surface);
    float h = texture(surface, at).x;
    vec2 slope = vec2(texture(surface, at + vec2(px.x, 0)).x, texture(surface, at + vec2(0, px.y)).x) - h;
    // the bottom: a net of light that wanders, seen through the surface
    vec2 p = centred() * 1.5 + slope * depth * 2.0 + place;
    float t = TIME * 0.8;
    vec2 q = p * 1.9;
    float net = 0.0;
    for (int k = 0; k < 2; k++) {
        q += vec2(sin(q.y * 1.3 + t + float(k)), cos(q.x * 1.1 - t * 0.8 + 2.0 * float(k))) * 0.55;
        net += 1.0 / (0.35 + abs(sin(q.x * 1.2 + t * 0.3) + cos(q.y * 1.2 - t * 0.4)) * 3.0);
    }
    net = smoothstep(0.7, 3.4, net);
    float light = dot(slope, vec2(-0.75, 1.0));
    float v = 0.42 + 0.20 * net + 0.62 * clamp(light, -0.35, 0.6);
    v += 0.45 * smoothstep(0.22, 0.5, light);
    float row = clamp(0.75 * smoothstep(0.3, -0.25, h) - 0.45 + 0.6 * net, 0.0, 1.0);
    gl_FragColor = vec4(ink(v, row), 1.0);
}
