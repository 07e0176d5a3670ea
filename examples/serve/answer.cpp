// Answers of an exported ONNX file in C++, with OpenVINO (its headers and libraries are in the Python package) and
// libpng. Only RGB PNG files are read here; any decoder that gives upright RGB will do.
//
//     OV=$(python -c "import openvino, os; print(os.path.dirname(openvino.__file__))")
//     g++ -std=c++17 -O2 answer.cpp -I$OV/include $OV/libs/libopenvino.so.* -lpng -Wl,-rpath,$OV/libs -o answer
//     ./answer birds.onnx new-photos/2.png

#include <png.h>

#include <cstdio>
#include <cstdlib>
#include <openvino/openvino.hpp>
#include <set>
#include <string>
#include <vector>

// A picture as uint8 RGB, rows from the top.
struct Picture {
    size_t height, width;
    std::vector<uint8_t> pixels;
};

Picture read_png(const char* path) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_file(&image, path)) throw std::runtime_error(std::string("cannot read ") + path);
    image.format = PNG_FORMAT_RGB;
    Picture picture{image.height, image.width, std::vector<uint8_t>(PNG_IMAGE_SIZE(image))};
    png_color white{255, 255, 255};
    if (!png_image_finish_read(&image, &white, picture.pixels.data(), 0, nullptr))
        throw std::runtime_error(std::string("cannot read ") + path);
    return picture;
}

// The names in a JSON list of texts; an escaped letter stands for itself, which does for quotes and backslashes.
std::vector<std::string> names_of(const std::string& json) {
    std::vector<std::string> names;
    for (size_t place = 0; (place = json.find('"', place)) != std::string::npos; ++place) {
        names.emplace_back();
        while (++place < json.size() && json[place] != '"') names.back() += json[json[place] == '\\' ? ++place : place];
    }
    return names;
}

int main(int count, char** given) {
    if (count < 3) return std::fprintf(stderr, "usage: answer MODEL.onnx PICTURE.png...\n"), 2;
    ov::Core core;
    auto model = core.read_model(given[1]);
    const auto classes = names_of(model->get_rt_info<std::string>("framework", "classes"));
    auto compiled = core.compile_model(model, "CPU", ov::hint::inference_precision(ov::element::f32));
    auto request = compiled.create_infer_request();
    std::set<std::string> outputs;
    for (const auto& output : compiled.outputs()) outputs.insert(output.get_any_name());
    for (int place = 2; place < count; ++place) {
        Picture picture = read_png(given[place]);
        request.set_input_tensor(
            ov::Tensor(ov::element::u8, {1, picture.height, picture.width, 3}, picture.pixels.data()));
        request.infer();
        const auto label = request.get_tensor("label").data<int64_t>()[0];
        const float share = request.get_tensor("probabilities").data<float>()[label];
        std::printf("%s\t%s\t%.6f", given[place], classes.at(label).c_str(), share);
        for (const char* mark : {"unsure", "unlike"})
            if (outputs.count(mark) && *request.get_tensor(mark).data<const bool>()) std::printf("\t%s", mark);
        std::printf("\n");
    }
}
