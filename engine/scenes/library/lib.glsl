// What the scenes share: noise, shapes and the palette. A scene that includes this declares the image input `ramp`.

#define TAU 6.28318530718

// The palette: row 0 is the named colour, rows 1 to 3 its harmony; v runs from shade through the colour to light.
vec3 ink(float v, float row) {
    return texture(ramp, vec2(clamp(v, 0.002, 0.998), (row + 0.5) / 4.0)).rgb;
}

// Centre of the picture at 0, its height from -1 to 1.
vec2 centred() {
    return (2.0 * gl_FragCoord.xy - RENDERSIZE) / RENDERSIZE.y;
}

// One pixel in the units of centred().
float pixel() {
    return 2.0 / RENDERSIZE.y;
}

// atan(p.y, p.x) to 0.0005, at a third of its cost.
float angle(vec2 p) {
    vec2 q = abs(p);
    float a = min(q.x, q.y) / max(max(q.x, q.y), 1e-9);
    float s = a * a;
    float r = ((-0.0464964749 * s + 0.15931422) * s - 0.327622764) * s * a + a;
    r = q.y > q.x ? 1.57079637 - r : r;
    r = p.x < 0.0 ? 3.14159274 - r : r;
    return p.y < 0.0 ? -r : r;
}

// A sine made of parabolas, at a quarter of its cost.
float sway(float x) {
    x = fract(x * 0.15915494) * 2.0 - 1.0;
    return 4.0 * x * (abs(x) - 1.0);
}

mat2 turn(float angle) {
    float c = cos(angle), s = sin(angle);
    return mat2(c, -s, s, c);
}

float hash(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * 0.1031);
    q += dot(q, q.yzx + 33.33);
    return fract((q.x + q.y) * q.z);
}

vec2 hash2(vec2 p) {
    vec3 q = fract(vec3(p.xyx) * vec3(0.1031, 0.1030, 0.0973));
    q += dot(q, q.yzx + 33.33);
    return fract((q.xx + q.yz) * q.zy);
}

// Value noise in 0..1.
float noise(vec2 p) {
    vec2 i = floor(p), f = p - i;
    f = f * f * (3.0 - 2.0 * f);
    return mix(mix(hash(i), hash(i + vec2(1, 0)), f.x), mix(hash(i + vec2(0, 1)), hash(i + vec2(1, 1)), f.x), f.y);
}

// Fractal noise in 0..1, three octaves.
float fbm3(vec2 p) {
    const mat2 m = mat2(1.6, 1.2, -1.2, 1.6);
    float s = 0.5714 * noise(p);
    p = m * p;
    s += 0.2857 * noise(p);
    p = m * p;
    return s + 0.1429 * noise(p);
}

// Fractal noise in 0..1, five octaves.
float fbm5(vec2 p) {
    const mat2 m = mat2(1.6, 1.2, -1.2, 1.6);
    return 0.875 * fbm3(p) + 0.09 * noise(m * m * m * p) + 0.035 * noise(m * m * m * m * p);
}

// 1 inside an edge at distance 0, softened over one pixel.
float fill(float distance) {
    return clamp(0.5 - distance / pixel(), 0.0, 1.0);
}
