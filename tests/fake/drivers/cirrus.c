/* cirrus: DRM core's requests only. */
#include "fake.h"

const struct fake_driver fake_driver_cirrus = {.name = "cirrus", .requests = (const struct fake_request[]){{0}}};
