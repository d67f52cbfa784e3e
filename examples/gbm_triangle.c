/*
 * A Mesa client: draws a triangle with OpenGL ES into buffers of GBM, a frame at a time, shares one by dma-buf and samples it
 * again as a texture, uploads and drops textures, and checks the pixels. Its allocation calls are Mesa's own.
 */
#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <GLES2/gl2.h>
#include <GLES2/gl2ext.h>
#include <errno.h>
#include <fcntl.h>
#include <gbm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDTH = 256, HEIGHT = 256, BUFFERS = 3 };

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "gbm_triangle: %s: %s\n", what, why);
    exit(1);
}

static void egl_must(int good, const char *what)
{
    char text[32];
    if (good)
        return;
    snprintf(text, sizeof text, "EGL error %#x", eglGetError());
    die(what, text);
}

static PFNEGLCREATEIMAGEKHRPROC create_image;
static PFNEGLDESTROYIMAGEKHRPROC destroy_image;
static PFNGLEGLIMAGETARGETTEXTURE2DOESPROC image_to_texture;

static EGLDisplay display_open(struct gbm_device *gbm)
{
    EGLDisplay display = eglGetPlatformDisplay(EGL_PLATFORM_GBM_KHR, gbm, NULL);
    static const EGLint attributes[] = {EGL_CONTEXT_CLIENT_VERSION, 2, EGL_NONE};
    EGLContext context;
    egl_must(display != EGL_NO_DISPLAY && eglInitialize(display, NULL, NULL), "eglInitialize");
    egl_must(eglBindAPI(EGL_OPENGL_ES_API), "eglBindAPI");
    context = eglCreateContext(display, EGL_NO_CONFIG_KHR, EGL_NO_CONTEXT, attributes);
    egl_must(context != EGL_NO_CONTEXT, "eglCreateContext");
    egl_must(eglMakeCurrent(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context), "eglMakeCurrent");
    create_image = (PFNEGLCREATEIMAGEKHRPROC)eglGetProcAddress("eglCreateImageKHR");
    destroy_image = (PFNEGLDESTROYIMAGEKHRPROC)eglGetProcAddress("eglDestroyImageKHR");
    image_to_texture = (PFNGLEGLIMAGETARGETTEXTURE2DOESPROC)eglGetProcAddress("glEGLImageTargetTexture2DOES");
    if (!create_image || !destroy_image || !image_to_texture)
        die("EGL", "images are not supported");
    return display;
}

static GLuint shader_make(GLenum kind, const char *source)
{
    GLuint shader = glCreateShader(kind);
    GLint good;
    glShaderSource(shader, 1, &source, NULL);
    glCompileShader(shader);
    glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
    if (!good)
        die("shader", source);
    return shader;
}

static GLuint program_make(const char *vertex, const char *fragment)
{
    GLuint program = glCreateProgram();
    glAttachShader(program, shader_make(GL_VERTEX_SHADER, vertex));
    glAttachShader(program, shader_make(GL_FRAGMENT_SHADER, fragment));
    glBindAttribLocation(program, 0, "position");
    glLinkProgram(program);
    return program;
}

/* A GBM buffer's dma-buf as a texture: the way a compositor takes a client's buffer. */
static GLuint texture_of(EGLDisplay display, struct gbm_bo *bo)
{
    int fd = gbm_bo_get_fd(bo);
    if (fd < 0)
        die("gbm_bo_get_fd", strerror(errno));
    const EGLint attributes[] = {EGL_WIDTH, WIDTH, EGL_HEIGHT, HEIGHT, EGL_LINUX_DRM_FOURCC_EXT, GBM_FORMAT_ARGB8888,
                                 EGL_DMA_BUF_PLANE0_FD_EXT, fd, EGL_DMA_BUF_PLANE0_OFFSET_EXT, 0,
                                 EGL_DMA_BUF_PLANE0_PITCH_EXT, (EGLint)gbm_bo_get_stride(bo), EGL_NONE};
    EGLImageKHR image = create_image(display, EGL_NO_CONTEXT, EGL_LINUX_DMA_BUF_EXT, NULL, attributes);
    GLuint texture;
    egl_must(image != EGL_NO_IMAGE_KHR, "eglCreateImage of a dma-buf");
    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexParameteri(GL_TEXTURE_2D, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    image_to_texture(GL_TEXTURE_2D, image);
    destroy_image(display, image);
    close(fd);
    return texture;
}

static GLuint framebuffer_of(GLuint texture)
{
    GLuint framebuffer;
    glGenFramebuffers(1, &framebuffer);
    glBindFramebuffer(GL_FRAMEBUFFER, framebuffer);
    glFramebufferTexture2D(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0, GL_TEXTURE_2D, texture, 0);
    if (glCheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE)
        die("framebuffer", "not complete");
    return framebuffer;
}

static void pixel_must_be(int x, int y, const unsigned char *color, const char *what)
{
    unsigned char pixel[4];
    glReadPixels(x, y, 1, 1, GL_RGBA, GL_UNSIGNED_BYTE, pixel);
    if (memcmp(pixel, color, sizeof pixel) != 0) {
        fprintf(stderr, "gbm_triangle: %s: the pixel at %d,%d is %d %d %d %d\n", what, x, y, pixel[0], pixel[1], pixel[2], pixel[3]);
        exit(1);
    }
}

/* A texture that lives for one frame: churn. */
static void upload_and_drop(int frame)
{
    int side = 16 << frame % 5;
    unsigned char *pixels = calloc((size_t)side * side, 4);
    GLuint texture;
    glGenTextures(1, &texture);
    glBindTexture(GL_TEXTURE_2D, texture);
    glTexImage2D(GL_TEXTURE_2D, 0, GL_RGBA, side, side, 0, GL_RGBA, GL_UNSIGNED_BYTE, pixels);
    free(pixels);
    GLuint framebuffer = framebuffer_of(texture);
    pixel_must_be(side / 2, side / 2, (const unsigned char[4]){0}, "an uploaded texture");
    glDeleteFramebuffers(1, &framebuffer);
    glDeleteTextures(1, &texture);
}

static void draw_frames(GLuint *framebuffers, int frames)
{
    static const GLfloat corners[] = {-1, -1, 1, -1, 0, 1};
    static const unsigned char blue[] = {0, 0, 255, 255}, red[] = {255, 0, 0, 255};
    GLuint program = program_make("attribute vec2 position; void main() { gl_Position = vec4(position, 0.0, 1.0); }",
                                  "precision mediump float; void main() { gl_FragColor = vec4(1.0, 0.0, 0.0, 1.0); }");
    glUseProgram(program);
    glVertexAttribPointer(0, 2, GL_FLOAT, GL_FALSE, 0, corners);
    glEnableVertexAttribArray(0);
    glViewport(0, 0, WIDTH, HEIGHT);
    glClearColor(0, 0, 1, 1);
    for (int frame = 0; frame < frames; frame++) {
        glBindFramebuffer(GL_FRAMEBUFFER, framebuffers[frame % BUFFERS]);
        glClear(GL_COLOR_BUFFER_BIT);
        glDrawArrays(GL_TRIANGLES, 0, 3);
        pixel_must_be(WIDTH / 2, HEIGHT / 4, red, "inside the triangle");
        pixel_must_be(2, HEIGHT - 2, blue, "beside the triangle");
        upload_and_drop(frame);
    }
}

int main(int argc, char **argv)
{
    const char *node = argc > 1 ? argv[1] : "/dev/dri/renderD128";
    int frames = argc > 2 ? atoi(argv[2]) : 10;
    struct gbm_bo *buffers[BUFFERS];
    GLuint textures[BUFFERS], framebuffers[BUFFERS];
    int fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(node, strerror(errno));
    struct gbm_device *gbm = gbm_create_device(fd);
    if (!gbm)
        die(node, "no GBM device");
    EGLDisplay display = display_open(gbm);
    for (int i = 0; i < BUFFERS; i++) {
        buffers[i] = gbm_bo_create(gbm, WIDTH, HEIGHT, GBM_FORMAT_ARGB8888, GBM_BO_USE_RENDERING);
        if (!buffers[i])
            die("gbm_bo_create", strerror(errno));
        textures[i] = texture_of(display, buffers[i]);
        framebuffers[i] = framebuffer_of(textures[i]);
    }
    draw_frames(framebuffers, frames);
    printf("%s: %d frames of %dx%d in %d buffers, drawn by %s\n", node, frames, WIDTH, HEIGHT, BUFFERS, glGetString(GL_RENDERER));
    glDeleteFramebuffers(BUFFERS, framebuffers);
    glDeleteTextures(BUFFERS, textures);
    for (int i = 0; i < BUFFERS; i++)
        gbm_bo_destroy(buffers[i]);
    eglTerminate(display);
    gbm_device_destroy(gbm);
    close(fd);
    return 0;
}
