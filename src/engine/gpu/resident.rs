//! Sets of images that stay on the device.

use super::device::Gpu;
use crate::engine::EngineError;
use crate::image::Geometry;

/// Images of one geometry on the device, as packed bytes. A set larger than one binding is split into several pages.
pub struct Resident {
    geometry: Geometry,
    images: usize,
    pub(super) per_page: usize,
    pub(super) pages: Vec<wgpu::Buffer>,
}

impl Resident {
    /// Uploads interleaved images that follow each other in `samples`.
    ///
    /// # Errors
    /// When the samples are not a whole number of images, one image exceeds the binding limit, or memory runs out.
    pub fn upload(gpu: &Gpu, geometry: Geometry, samples: &[u8]) -> Result<Self, EngineError> {
        Self::upload_in_pages(gpu, geometry, samples, usize::MAX)
    }

    /// As [`Resident::upload`], with at most `images_per_page` images (one or more) in a page, for memory that comes in
    /// smaller pieces than the binding limit allows.
    ///
    /// # Errors
    /// As [`Resident::upload`].
    pub fn upload_in_pages(
        gpu: &Gpu,
        geometry: Geometry,
        samples: &[u8],
        images_per_page: usize,
    ) -> Result<Self, EngineError> {
        let size = geometry.bytes();
        let images = samples.len() / size;
        if images * size != samples.len() {
            let what = "the resident set";
            return Err(EngineError::Size { what, expected: size, found: samples.len(), geometry });
        }
        let stride = size.next_multiple_of(4);
        let per_page = ((gpu.limit / stride as u64) as usize).min(images_per_page.max(1));
        if per_page == 0 {
            return Err(gpu.too_large("an image", stride as u64));
        }
        let mut pages = Vec::new();
        for part in samples.chunks(per_page * size) {
            let bytes = part.len() / size * stride;
            let page = gpu.guarded("making room for the images", || {
                gpu.device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("imgveil images"),
                    size: bytes as u64,
                    usage: wgpu::BufferUsages::STORAGE,
                    mapped_at_creation: true,
                })
            })?;
            let failed = |e: wgpu::MapRangeError| gpu.failed("uploading images", e.to_string());
            let mut view = page.slice(..).get_mapped_range_mut().map_err(failed)?;
            if stride == size {
                view.copy_from_slice(part);
            } else {
                for (i, image) in part.chunks_exact(size).enumerate() {
                    view.slice(i * stride..i * stride + size).copy_from_slice(image);
                }
            }
            drop(view);
            page.unmap();
            gpu.traffic.add_up(bytes as u64);
            pages.push(page);
        }
        Ok(Self { geometry, images, per_page, pages })
    }

    /// Images that are already on the device.
    #[cfg(not(target_family = "wasm"))]
    pub(super) fn in_pages(geometry: Geometry, images: usize, per_page: usize, pages: Vec<wgpu::Buffer>) -> Self {
        Self { geometry, images, per_page, pages }
    }

    /// The images' geometry.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// How many images there are.
    pub fn images(&self) -> usize {
        self.images
    }

    /// Bytes on the device.
    pub fn bytes(&self) -> u64 {
        self.pages.iter().map(wgpu::Buffer::size).sum()
    }
}
